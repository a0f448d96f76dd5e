"""Checkpoint + Config -> tape: header, embeddings, commands with gains and packed trits."""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..common.config import Config
from ..common.tape import (HEADER_FIELDS, Function, Header, TapeError,
                           matrix_fields, norm_fields)
from ..model.integers import IntegerModel, integer_model
from .packing import pack_words
from .sizes import check_fits


@dataclass(frozen=True)
class Command:
    """One command of the tape, as the clock model reads it.

    norm : True for a NORM, False for a MATRIX
    length : elements of the norm, or chunks of the matrix
    rows : output rows of the matrix
    words : payload words
    wait, release, function : as in docs/tape.md
    energy : whether the sum of squares of a norm has a term of energy
    """

    norm: bool
    length: int
    rows: int
    words: int
    wait: bool = False
    energy: bool = False
    release: bool = False
    function: Function | None = None


@dataclass(frozen=True)
class Tape:
    """A compiled model: the memory image and what it consists of.

    contents : what a resident machine holds (compiler/resident.py), None for a tape in memory
    """

    config: Config
    header: Header
    image: bytes
    commands: tuple
    contents: object = None

    @property
    def model_id(self):
        return self.header.model_id

    @property
    def vocabulary(self):
        return self.header.vocabulary

    def save(self, path):
        """Writes the image whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(self.image)
        os.replace(partial, path)


class Writer:
    """Appends commands, in words of the Config's width, to the tape."""

    def __init__(self, config):
        self.config, self.parts, self.commands = config, [], []
        self.slot = f"<u{config.formats.slot_bits // 8}"

    def _append(self, data):
        padded = -len(data) % self.config.word_bytes
        self.parts.append(bytes(data) + bytes(padded))
        return (len(data) + padded) // self.config.word_bytes

    def _command(self, fields):
        self._append(np.array(fields, "<u4").tobytes())

    def pairs(self, norm):
        """Slots [length, 2] of its gains or floors."""
        length = len(norm.code_gain)
        first = norm.floors if norm.floors is not None else norm.sum_gain
        if first is None:
            first = np.zeros(length, np.int64)
        return np.stack([first, norm.code_gain], axis=1).astype(self.slot)

    def norm_arguments(self, norm):
        """Those of norm_fields that a Norm has."""
        scalars = {name: (s.mantissa, s.exponent) for name, s in (
            ("factor", norm.factor), ("energy", norm.energy), ("constant", norm.constant))}
        return {"product": norm.source == "product", "repeat": norm.sum_gain is None,
                "floors": norm.floors is not None, **scalars}

    def norm(self, norm, wait):
        length = len(norm.code_gain)
        self._command(norm_fields(wait=wait, length=length, **self.norm_arguments(norm)))
        words = self._append(self.pairs(norm).tobytes())
        self.commands.append(Command(True, length, 0, words, wait=wait,
                                     energy=norm.energy.mantissa != 0))

    def matrix(self, trits, function, release=True):
        rows, length = trits.shape
        chunks = -(-length // self.config.inputs)
        packed = pack_words(trits, self.config).tobytes()
        words = len(packed) // self.config.word_bytes
        self._command(matrix_fields(function=function, release=release, chunks=chunks, rows=rows,
                                    words=words))
        self._append(packed)
        self.commands.append(Command(False, chunks, rows, words, release=release,
                                     function=function))

    def layer(self, _, layer, inner):
        """One block. f's norm comes before i's matrix, so that it runs while i is multiplied."""
        norms, trits = layer.norms, layer.trits
        self.norm(norms["i"], wait=True)
        self.norm(norms["f"], wait=False)
        self.matrix(trits["i"], Function.CANDIDATE)
        self.norm(norms["g"], wait=False)
        self.matrix(trits["f"], Function.FORGET)
        self.matrix(trits["g"], Function.PRODUCT)
        self.norm(norms["o"], wait=True)
        self.matrix(trits["o"], Function.RESIDUAL)
        self.norm(norms["gate"], wait=True)
        self.matrix(trits["gate"][:inner], Function.CANDIDATE, release=False)
        self.matrix(trits["gate"][inner:], Function.PRODUCT)
        self.norm(norms["down"], wait=True)
        self.matrix(trits["down"], Function.RESIDUAL)

    def take(self):
        """What was written since the last take, and its length in words."""
        data, self.parts = b"".join(self.parts), []
        return data, len(data) // self.config.word_bytes


def pack_embedding(embedding, config):
    """Integers [V, d] -> bytes, a slot each, each row padded to whole words."""
    slot = config.formats.slot_bits // 8
    row = -(-embedding.shape[1] * slot // config.word_bytes) * config.word_bytes // slot
    padded = np.zeros((len(embedding), row), f"<i{slot}")
    padded[:, :embedding.shape[1]] = embedding
    return padded.tobytes()


def compile_integers(model: IntegerModel, config: Config, progress=None, order=Writer.layer):
    """IntegerModel -> Tape; TapeError when a buffer or the memory is too small.

    order : called with (writer, number, layer, inner) to write the commands of a layer
    """
    shape = model.shape
    if model.formats != config.formats:
        raise TapeError(f"the model's integers are in {model.formats.name} formats; preset "
                        f"{config.name!r} has {config.formats.name}")
    if config.weights == "resident":
        from .resident import compile_resident
        return compile_resident(model, config, progress, order)
    check_fits(shape, config)
    size, writer = config.word_bytes, Writer(config)
    embedding = pack_embedding(model.embedding, config)
    for n, layer in enumerate(model.layers):
        order(writer, n, layer, shape.inner)
        if progress:
            progress(n + 1, shape.layers)
    body, body_words = writer.take()
    writer.norm(model.head_norm, wait=True)
    writer.matrix(model.head_trits, Function.LOGITS)
    head, head_words = writer.take()
    start = -(-4 * HEADER_FIELDS // size)
    body_start = start + len(embedding) // size
    header = Header(
        model_id=zlib.crc32(head, zlib.crc32(body, zlib.crc32(embedding))),
        geometry=config.geometry, formats=config.formats.crc,
        hidden=shape.hidden, layers=shape.layers, inner=shape.inner,
        vocabulary=shape.vocabulary, embedding_start=start,
        embedding_words=len(embedding) // size // shape.vocabulary,
        embedding_shift=model.embedding_shift, body_start=body_start, body_words=body_words,
        token_words=body_words + head_words, image_words=body_start + body_words + head_words,
        embedding_crc=zlib.crc32(embedding), body_crc=zlib.crc32(body), head_crc=zlib.crc32(head))
    image = header.pack().ljust(start * size, b"\0") + embedding + body + head
    return Tape(config, header, image, tuple(writer.commands))


def compile_model(source, config, progress=None):
    """Checkpoint folder (or Checkpoint) + Config -> Tape."""
    return compile_integers(integer_model(source, config.formats), config, progress)


