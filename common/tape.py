"""The tape: how a model lies in the machine's memory. docs/tape.md shows the same by bit.

Plain Python, shared by compiler, gateware and host. All fields are 32 bits, little-endian.
"""

import struct
import zlib
from dataclasses import astuple, dataclass, fields
from enum import IntEnum

from .errors import TritoneError
from .formats import FORMATS
from .triples import TRIPLE_BITS, group_count

MAGIC = 0x54495254  # "TRIT"
VERSION = 2
HEADER_FIELDS = 32
COMMAND_FIELDS = 4
EXPONENT_BITS = 10  # signed, in the upper bits of a field whose lower ones are a mantissa
EXPONENT_PLACE = 32 - EXPONENT_BITS


TABLES = 1 << 15  # in a geometry: the array is one of tables
VECTOR_PLACE = 12  # of log2(vector), with TABLES


def array_geometry(array, rows, inputs, vector):
    """What the order of trits depends on, as a field of the header (docs/tape.md)."""
    if array == "tables":
        rows |= vector.bit_length() - 1 << VECTOR_PLACE | TABLES
    return rows | inputs << 16


class TapeError(TritoneError):
    """A tape that is truncated, foreign, or too large for a machine."""


class Opcode(IntEnum):
    """Field 0, bits 0..3 of a command."""

    NORM = 1
    MATRIX = 2


class Function(IntEnum):
    """What becomes of a matrix's outputs (field 0, bits 4..6 of a MATRIX)."""

    CANDIDATE = 0  # silu -> candidate RAM
    FORGET = 1  # MLGRU: candidate, floor, state -> state; silu(state) -> candidate RAM
    PRODUCT = 2  # times candidate RAM -> product RAM, energy
    RESIDUAL = 3  # residual += output
    LOGITS = 4  # to the sampler


class HeaderError(IntEnum):
    """Why the sequencer refused a header; status.error of the machine."""

    NONE = 0
    MAGIC = 1
    VERSION = 2
    GEOMETRY = 3  # rows, inputs are not this machine's
    SIZE = 4  # hidden, inner or layers beyond this machine's buffers
    FORMATS = 5  # widths of numbers are not this machine's

    @property
    def reason(self):
        """The same in words."""
        return ("no error", "it does not begin with a tape", "the tape is of another version",
                "the tape was made for an array of another size",
                "the model is larger than the machine's buffers",
                "the tape was made for numbers of other widths")[self]


@dataclass(frozen=True, kw_only=True)
class Header:
    """First words of the tape: one 32-bit field each, in this order; the CRC-32 of all others last.

    Addresses and lengths are in words of `rows * inputs / 5` bytes.
    """

    magic: int = MAGIC
    version: int = VERSION
    model_id: int  # CRC-32 of everything after the header
    geometry: int  # array_geometry
    formats: int  # Formats.crc
    hidden: int
    layers: int
    inner: int
    vocabulary: int
    embedding_start: int
    embedding_words: int  # of one token
    embedding_shift: int
    body_start: int  # first command
    body_words: int  # all layers: what a prompt token reads
    token_words: int  # layers and head: what a sampled token reads
    image_words: int  # header, embeddings, commands
    embedding_crc: int
    body_crc: int
    head_crc: int

    def pack(self):
        """128 bytes."""
        values = list(astuple(self))
        values += [0] * (HEADER_FIELDS - 1 - len(values))
        body = struct.pack(f"<{HEADER_FIELDS - 1}I", *values)
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def unpack(cls, image, where="tape"):
        """The header of an image; TapeError when it is none."""
        size = 4 * HEADER_FIELDS
        if len(image) < size:
            raise TapeError(f"{where}: {len(image)} bytes; a tape begins with {size} bytes of "
                            "header")
        values = struct.unpack(f"<{HEADER_FIELDS}I", image[:size])
        if values[0] != MAGIC:
            raise TapeError(f"{where}: begins with {image[:4]!r}, not b'TRIT': not a tape")
        if values[1] != VERSION:
            raise TapeError(f"{where}: tape version {values[1]}; expected {VERSION}")
        if values[-1] != zlib.crc32(image[:size - 4]):
            raise TapeError(f"{where}: header CRC is wrong: the tape is damaged")
        return cls(**{f.name: v for f, v in zip(fields(cls), values)})

    @property
    def rows(self):
        return self.geometry & ((1 << VECTOR_PLACE) - 1 if self.tables else TABLES - 1)

    @property
    def tables(self):
        """Whether the trits lie in threes, for an array of tables."""
        return bool(self.geometry & TABLES)

    @property
    def inputs(self):
        return self.geometry >> 16

    @property
    def word_bytes(self):
        if self.tables:
            return -(-self.rows * group_count(self.inputs) * TRIPLE_BITS // 32) * 4
        return self.rows * self.inputs // 5


def check_image(image, where="tape", config=None):
    """The Header of a whole, undamaged image, for `config` if given; else TapeError."""
    header = Header.unpack(image, where)
    if config and header.geometry != config.geometry:
        kinds = [" in tables" * tables for tables in (header.tables, config.array == "tables")]
        raise TapeError(f"{where}: made for an array of {header.rows} x {header.inputs} trits"
                        f"{kinds[0]}; preset {config.name!r} has {config.rows} x {config.inputs}"
                        f"{kinds[1]}")
    if config and header.formats != config.formats.crc:
        name = next((n for n, f in FORMATS.items() if f.crc == header.formats), "unknown")
        raise TapeError(f"{where}: made for {name} formats; preset {config.name!r} has "
                        f"{config.formats.name}")
    size = header.word_bytes
    if len(image) != header.image_words * size:
        raise TapeError(f"{where}: {len(image)} bytes; its header promises "
                        f"{header.image_words * size}: truncated or overlong")
    spans = {"embedding": (header.embedding_start, header.body_start, header.embedding_crc),
             "body": (header.body_start, header.body_start + header.body_words, header.body_crc),
             "head": (header.body_start + header.body_words, header.image_words, header.head_crc)}
    for name, (start, stop, crc) in spans.items():
        if zlib.crc32(image[start * size:stop * size]) != crc:
            raise TapeError(f"{where}: CRC of the {name} section is wrong: the tape is damaged")
    return header


def norm_fields(*, product, wait, repeat, floors, length, factor, energy, constant, after=0):
    """The four fields of a NORM; `factor`, `energy`, `constant` are (mantissa, exponent).

    after : resident machines only, how many matrices of the token a NORM with `wait` waits for
    """
    first = (Opcode.NORM | product << 4 | wait << 5 | repeat << 6 | floors << 7 | after << 8
             | length << 16)
    return [first] + [m | (e & (1 << EXPONENT_BITS) - 1) << EXPONENT_PLACE
                      for m, e in (factor, energy, constant)]


def matrix_fields(*, function, release, chunks, rows, words):
    """The four fields of a MATRIX; `words` of trits follow."""
    return [Opcode.MATRIX | function << 4 | release << 7, chunks, rows, words]
