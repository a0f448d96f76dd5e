"""The tape: what is written can be read back, damage is found, what does not fit is refused."""

from dataclasses import fields, replace

import numpy as np
import pytest
from checkpoints import shape_of, write_checkpoint

from tritone.common.config import PRESETS, NARROW, TINY, VIRTUAL, preset
from tritone.common.formats import COMPACT, DEFAULT, FORMATS
from tritone.common.tape import (COMMAND_FIELDS, HEADER_FIELDS, Function, Header, Opcode, TapeError,
                                 check_image, matrix_fields, norm_fields)
from tritone.compiler.packing import unpack_matrix
from tritone.compiler.sizes import check_fits, image_words
from tritone.compiler.tape import compile_integers, compile_model
from tritone.model.integers import integer_model

SHAPES = [shape_of(96, 2, 128, 600), shape_of(192, 1, 320, 600), shape_of(50, 3, 70, 600)]
ORDER = [("norm", "i"), ("norm", "f"), ("matrix", "i"), ("norm", "g"), ("matrix", "f"),
         ("matrix", "g"), ("norm", "o"), ("matrix", "o"), ("norm", "gate"), ("matrix", "gate"),
         ("matrix", "gate"), ("norm", "down"), ("matrix", "down")]
FUNCTIONS = [Function.CANDIDATE, Function.FORGET, Function.PRODUCT, Function.RESIDUAL,
             Function.CANDIDATE, Function.PRODUCT, Function.RESIDUAL]
STREAMED = [name for name, config in PRESETS.items() if config.weights == "streamed"]
WAITS = {"i", "o", "gate", "down", "head"}  # their input is written by the matrix before


@pytest.fixture(scope="module", params=[(shape, DEFAULT) for shape in SHAPES]
                + [(SHAPES[-1], COMPACT)], ids=lambda p: f"hidden={p[0].hidden}-{p[1].name}")
def model(request, tmp_path_factory):
    shape, formats = request.param
    return integer_model(write_checkpoint(tmp_path_factory.mktemp("model"), shape,
                                          tokenizer=False), formats)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return integer_model(write_checkpoint(tmp_path_factory.mktemp("small"), shape_of(20, 2, 30, 40),
                                          tokenizer=False))


def roomy(name, formats):
    return preset(name, max_hidden=192, max_inner=320, memory_words=1 << 20, formats=formats)


class Reader:
    """Takes commands and payloads from the bytes of a tape, as docs/tape.md describes them."""

    def __init__(self, image, config, at):
        self.image, self.config, self.at = image, config, at

    def _bytes(self, count):
        part = self.image[self.at:self.at + count]
        padding = -count % self.config.word_bytes
        assert not any(self.image[self.at + count:self.at + count + padding]), "padding is not zero"
        self.at += count + padding
        return np.frombuffer(part, np.uint8)

    def command(self):
        f = [int(x) for x in self._bytes(4 * COMMAND_FIELDS).view("<u4")]
        bits = lambda low, count: f[0] >> low & ((1 << count) - 1)  # noqa: E731
        if bits(0, 4) == Opcode.NORM:
            scalars = [(x & 0x3FFFFF, (x >> 22 ^ 0x200) - 0x200) for x in f[1:]]
            assert not bits(8, 8)
            return {"norm": True, "product": bits(4, 1), "wait": bits(5, 1), "repeat": bits(6, 1),
                    "floors": bits(7, 1), "length": bits(16, 16), "scalars": scalars}
        assert bits(0, 4) == Opcode.MATRIX and not bits(8, 24)
        return {"norm": False, "function": bits(4, 3), "release": bits(7, 1), "chunks": f[1],
                "rows": f[2], "words": f[3]}

    def pairs(self, length):
        """(low halves, high halves), signed"""
        slot = self.config.formats.slot_bits // 8
        pairs = self._bytes(2 * slot * length).view(f"<i{slot}").reshape(-1, 2).astype(int)
        return pairs[:, 0], pairs[:, 1]

    def trits(self, rows, length, words):
        c = self.config
        return unpack_matrix(self._bytes(words * c.word_bytes), rows, length, c.rows, c.inputs)


def check_norm(reader, norm, wait):
    command = reader.command()
    repeat, floors = norm.sum_gain is None, norm.floors is not None
    assert command == {
        "norm": True, "product": int(norm.source == "product"), "wait": int(wait),
        "repeat": int(repeat), "floors": int(floors), "length": len(norm.code_gain),
        "scalars": [(s.mantissa, s.exponent) for s in (norm.factor, norm.energy, norm.constant)]}
    low, high = reader.pairs(command["length"])
    assert np.array_equal(high, norm.code_gain)
    if floors:
        assert np.array_equal(low & (1 << reader.config.formats.slot_bits) - 1, norm.floors)
    else:
        assert np.array_equal(low, np.zeros_like(low) if repeat else norm.sum_gain)


def check_matrix(reader, trits, function, release):
    command, config = reader.command(), reader.config
    rows, length = trits.shape
    chunks = -(-length // config.inputs)
    assert command == {"norm": False, "function": function, "release": int(release),
                       "chunks": chunks, "rows": rows, "words": -(-rows // config.rows) * chunks}
    assert np.array_equal(reader.trits(rows, length, command["words"]), trits)


@pytest.mark.parametrize("name", STREAMED)
def test_every_command_reads_back(model, name):
    config, shape = roomy(name, model.formats), model.shape
    tape = compile_integers(model, config)
    header = check_image(tape.image)
    reader = Reader(tape.image, config, header.body_start * config.word_bytes)
    for layer in model.layers:
        functions, halves = iter(FUNCTIONS), 0
        for kind, key in ORDER:
            if kind == "norm":
                check_norm(reader, layer.norms[key], key in WAITS)
            else:
                trits, release = layer.trits[key], True
                if key == "gate":
                    trits = trits[shape.inner:] if halves else trits[:shape.inner]
                    halves, release = halves + 1, bool(halves)
                check_matrix(reader, trits, next(functions), release)
    assert reader.at == (header.body_start + header.body_words) * config.word_bytes
    check_norm(reader, model.head_norm, True)
    check_matrix(reader, model.head_trits, Function.LOGITS, True)
    assert reader.at == len(tape.image)
    assert header.token_words == header.image_words - header.body_start


@pytest.mark.parametrize("name", STREAMED)
def test_embeddings_and_sizes_read_back(model, name):
    config, shape = roomy(name, model.formats), model.shape
    tape = compile_integers(model, config)
    header, size = Header.unpack(tape.image), config.word_bytes
    assert (header.hidden, header.layers, header.inner, header.vocabulary) == (
        shape.hidden, shape.layers, shape.inner, shape.vocabulary)
    assert (header.rows, header.inputs) == (config.rows, config.inputs)
    assert header.embedding_shift == model.embedding_shift
    assert header.embedding_start == -(-128 // size)
    slot = model.formats.slot_bits // 8
    rows = np.frombuffer(tape.image[header.embedding_start * size:header.body_start * size],
                         f"<i{slot}")
    rows = rows.reshape(shape.vocabulary, header.embedding_words * size // slot)
    assert np.array_equal(rows[:, :shape.hidden], model.embedding)
    assert not rows[:, shape.hidden:].any() and rows.shape[1] - shape.hidden < size // slot


def test_a_header_packs_and_unpacks():
    numbers = np.random.default_rng(1).integers(0, 1 << 32, len(fields(Header)))
    header = Header(**{f.name: int(n) for f, n in zip(fields(Header), numbers)
                       if f.name not in ("magic", "version")})
    assert len(header.pack()) == 4 * HEADER_FIELDS
    assert Header.unpack(header.pack()) == header
    assert header.pack()[:4] == b"TRIT"


def test_fields_lie_where_the_document_says():
    assert norm_fields(product=True, wait=False, repeat=True, floors=False, length=0x1234,
                       factor=(0x1FFFF, -1), energy=(0x10000, -512), constant=(0, 511)) == [
        0x12340051, 0xFFC1FFFF, 0x80010000, 0x7FC00000]
    assert norm_fields(product=False, wait=True, repeat=False, floors=True, length=1,
                       factor=(0, 0), energy=(0, 0), constant=(0, 0))[0] == 0x000100A1
    assert matrix_fields(function=Function.LOGITS, release=True, chunks=3, rows=7, words=9) == [
        0xC2, 3, 7, 9]
    assert matrix_fields(function=Function.FORGET, release=False, chunks=1, rows=1, words=1)[0] \
        == 0x12


def damaged(image, at):
    return image[:at] + bytes([image[at] ^ 4]) + image[at + 1:]


def test_damage_is_found(small):
    tape = compile_integers(small, TINY)
    image, header, size = tape.image, tape.header, TINY.word_bytes
    assert check_image(image) == header
    head = header.body_start + header.body_words
    for where, at in (("header", 40), ("embedding", header.embedding_start * size),
                      ("embedding", header.body_start * size - 1),
                      ("body", header.body_start * size), ("body", head * size - 1),
                      ("head", head * size), ("head", len(image) - 1)):
        with pytest.raises(TapeError, match="m.tape: .*CRC") as caught:
            check_image(damaged(image, at), "m.tape")
        assert where in str(caught.value) and "damaged" in str(caught.value)


def test_what_is_no_whole_tape_is_refused(small):
    image = compile_integers(small, TINY).image
    for part, message in (
            (image[:-4], f"m: {len(image) - 4} bytes; its header promises {len(image)}"),
            (image + bytes(4), f"m: {len(image) + 4} bytes; its header promises {len(image)}"),
            (image[:100], "m: 100 bytes; a tape begins with 128 bytes of header"),
            (b"", "m: 0 bytes; a tape begins with 128"),
            (b"GGUF" + image[4:], r"m: begins with b'GGUF', not b'TRIT': not a tape"),
            (image[:4] + b"\1" + image[5:], "m: tape version 1; expected 2")):
        with pytest.raises(TapeError, match=message):
            check_image(part, "m")


@pytest.mark.parametrize("shape, message", [
    (shape_of(65, 1, 100, 40), "preset 'tiny': hidden 65 exceeds max_hidden 64"),
    (shape_of(64, 1, 129, 40), "preset 'tiny': intermediate size 129 exceeds max_inner 128"),
    (shape_of(64, 5, 128, 40),
     r"state \(layers x hidden\) 320 exceeds max_layers x max_hidden 256")])
def test_a_model_too_large_is_refused_with_both_numbers(shape, message):
    with pytest.raises(TapeError, match=f"model too large for .*{message}"):
        check_fits(shape, TINY)


@pytest.mark.parametrize("shape, boards", [
    (shape_of(512, 13, 100, 40), "these boards would hold it: ulx3s-45f, ulx3s-85f"),
    (shape_of(512, 9, 1024, 4000), "these boards would hold it: ulx3s-12f, .*, icepi-zero$"),
    (shape_of(1024, 24, 2816, 32000), "no board here would hold it")])
def test_a_model_too_large_names_the_boards_that_would_hold_it(shape, boards):
    with pytest.raises(TapeError, match=boards):
        check_fits(shape, TINY)


@pytest.mark.parametrize("config", [TINY, VIRTUAL, PRESETS["sdram16-compact"]],
                         ids=lambda c: c.name)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 257), (20, 2, 33, 301), (64, 4, 128, 512)])
def test_the_words_of_a_tape_are_known_before(tmp_path, sizes, config):
    shape = shape_of(*sizes)
    model = integer_model(write_checkpoint(tmp_path, shape), config.formats)
    assert image_words(shape, config) == compile_integers(model, config).header.image_words


def test_the_state_is_counted_in_whole_words():
    config = replace(VIRTUAL, max_hidden=8, max_layers=3)
    check_fits(shape_of(7, 3, 9, 40), config)
    check_fits(shape_of(5, 4, 9, 40), config)
    with pytest.raises(TapeError, match="30 exceeds max_layers x max_hidden 24"):
        check_fits(shape_of(5, 5, 9, 40), config)  # 25 elements in 15 words of two


def test_a_tape_longer_than_the_memory_is_refused(small):
    words = compile_integers(small, TINY).header.image_words
    compile_integers(small, replace(TINY, memory_words=words))
    with pytest.raises(TapeError, match=f"tape {words} exceeds memory_words {words - 1}"):
        compile_integers(small, replace(TINY, memory_words=words - 1))


def test_formats_that_are_not_the_machine_s_are_refused(small):
    compact = replace(TINY, formats=COMPACT)
    image = compile_integers(small, TINY).image
    with pytest.raises(TapeError, match="^m: made for fine formats; preset 'tiny' has compact$"):
        check_image(image, "m", compact)
    other = replace(DEFAULT, logit_frac=15)
    with pytest.raises(TapeError, match="^m: made for fine formats; preset 'tiny' has custom$"):
        check_image(image, "m", replace(TINY, formats=other))
    with pytest.raises(TapeError, match="in fine formats; preset 'tiny' has compact$"):
        compile_integers(small, compact)


def test_formats_are_told_apart_by_what_they_hold():
    assert {f.name for f in FORMATS.values()} == set(FORMATS)
    changed = {replace(DEFAULT, **{f.name: getattr(DEFAULT, f.name) + 1}).crc
               for f in fields(DEFAULT)}
    assert len(changed | {DEFAULT.crc, COMPACT.crc}) == len(fields(DEFAULT)) + 2


def test_compiling_twice_gives_the_same_bytes(tmp_path):
    folder = write_checkpoint(tmp_path / "model", shape_of(20, 2, 30, 40))
    first, second = compile_model(folder, NARROW), compile_model(folder, NARROW)
    assert first.image == second.image and first.commands == second.commands
    other = compile_model(write_checkpoint(tmp_path / "other", shape_of(20, 2, 30, 40), seed=2),
                          NARROW)
    assert other.model_id != first.model_id


def test_progress_counts_layers_and_a_tape_is_saved_whole(small, tmp_path):
    seen = []
    tape = compile_integers(small, TINY, lambda *step: seen.append(step))
    assert seen == [(1, 2), (2, 2)]
    tape.save(tmp_path / "new" / "m.tape")
    assert (tmp_path / "new" / "m.tape").read_bytes() == tape.image
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["m.tape"]
