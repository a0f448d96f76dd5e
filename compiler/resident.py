"""Checkpoint + Config -> what the block RAMs of a resident machine hold (docs/tape.md)."""

import zlib
from dataclasses import dataclass, field

import numpy as np

from ..common.tape import COMMAND_FIELDS, Function, Header, TapeError, norm_fields
from ..common.triples import ROW_BITS
from .packing import pack_words
from .sizes import check_fits
from .tape import Command, Tape, Writer


@dataclass
class Contents:
    """Words of each store, in the order in which a token reads them; Python integers.

    norms : 32 bits, four a NORM
    matrices : dicts of chunks, rows, function, release
    pairs : vector x pair_bits
    trits : word_bits
    embeddings : vector x embedding_bits, row after row
    body_norms, body_matrices : how many a prompt token takes
    vocabulary : tokens
    header : bytes
    """

    norms: list = field(default_factory=list)
    matrices: list = field(default_factory=list)
    pairs: list = field(default_factory=list)
    trits: list = field(default_factory=list)
    embeddings: list = field(default_factory=list)
    body_norms: int = 0
    body_matrices: int = 0
    vocabulary: int = 0
    header: bytes = b""


def words_of(data, size):
    """Little-endian integers of `size` bytes each."""
    return [int.from_bytes(data[n:n + size], "little") for n in range(0, len(data), size)]


class _Collector(Writer):
    """A Writer that keeps what belongs together in stores of its own."""

    def __init__(self, config):
        super().__init__(config)
        self.contents = Contents()

    def norm(self, norm, wait):
        f, v, contents = self.config.formats, self.config.vector, self.contents
        length, pairs = len(norm.code_gain), self.pairs(norm)
        beat = f.pair_bits // 8 * v
        data = pairs.tobytes()
        contents.pairs += words_of(data + bytes(-len(data) % beat), beat)
        after = len(contents.matrices) if wait else 0
        contents.norms += norm_fields(wait=wait, length=length, after=after,
                                      **self.norm_arguments(norm))
        self.commands.append(Command(True, length, 0, 0, wait=wait,
                                     energy=norm.energy.mantissa != 0))

    def matrix(self, trits, function, release=True):
        rows, length = trits.shape
        chunks = -(-length // self.config.inputs)
        words = words_of(pack_words(trits, self.config).tobytes(), self.config.array_bytes)
        self.contents.trits += words
        self.contents.matrices.append({"chunks": chunks, "rows": rows, "function": int(function),
                                       "release": int(release)})
        self.commands.append(Command(False, chunks, rows, len(words), release=release,
                                     function=function))


def pack_rows(embedding, config):
    """Integers [V, d] -> beats of `vector` elements of embedding_bits each."""
    bits, v = config.formats.embedding_bits, config.vector
    beats = -(-embedding.shape[1] // v)
    padded = np.zeros((len(embedding), beats * v), np.int64)
    padded[:, :embedding.shape[1]] = embedding
    mask = (1 << bits) - 1
    return [sum((x & mask) << bits * n for n, x in enumerate(beat))
            for beat in padded.reshape(-1, v).tolist()]


def compile_resident(model, config, progress=None, order=Writer.layer):
    """IntegerModel -> Tape with `contents`; TapeError when a buffer is too small.

    Its image is what a model id is made of, and for no memory.
    """
    shape = model.shape
    check_fits(shape, config)
    if shape.vocabulary > 1 << ROW_BITS:
        raise TapeError(f"model too large for preset {config.name!r}: vocabulary "
                        f"{shape.vocabulary}; a matrix of a resident model has at most "
                        f"{1 << ROW_BITS} rows")
    if shape.layers * 7 >= 1 << 8:
        raise TapeError(f"model too large for preset {config.name!r}: {shape.layers} layers; a "
                        "resident program counts matrices to 255")
    writer = _Collector(config)
    contents = writer.contents
    for n, layer in enumerate(model.layers):
        order(writer, n, layer, shape.inner)
        if progress:
            progress(n + 1, shape.layers)
    contents.body_norms = len(contents.norms) // COMMAND_FIELDS
    contents.body_matrices = len(contents.matrices)
    writer.norm(model.head_norm, wait=True)
    writer.matrix(model.head_trits, Function.LOGITS)
    contents.vocabulary = shape.vocabulary
    contents.embeddings = pack_rows(model.embedding, config)
    body = contents.body_norms + contents.body_matrices
    image = _image(contents, config)
    header = Header(
        model_id=zlib.crc32(image), geometry=config.geometry, formats=config.formats.crc,
        hidden=shape.hidden, layers=shape.layers, inner=shape.inner, vocabulary=shape.vocabulary,
        embedding_start=0, embedding_words=-(-shape.hidden // config.vector),
        embedding_shift=model.embedding_shift, body_start=0, body_words=body,
        token_words=body + 2, image_words=0, embedding_crc=0, body_crc=0, head_crc=0)
    contents.header = header.pack()
    return Tape(config, header, contents.header + image, tuple(writer.commands), contents)


def _image(contents, config):
    """All stores as bytes, one after the other."""
    f, v = config.formats, config.vector
    sizes = ((contents.norms, 4), (contents.pairs, f.pair_bits * v // 8),
             (contents.trits, config.array_bytes),
             (contents.embeddings, -(-f.embedding_bits * v // 8)))
    matrices = b"".join(m["rows"].to_bytes(4, "little") + bytes(
        [m["chunks"], m["function"], m["release"]]) for m in contents.matrices)
    return matrices + b"".join(word.to_bytes(size, "little") for words, size in sizes
                               for word in words)
