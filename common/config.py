"""The one record that fixes the size of a machine; everything else is derived from it."""

from dataclasses import dataclass, fields, replace
from fractions import Fraction

from .errors import TritoneError
from .formats import COMPACT, DEFAULT, FORMATS, RESIDENT, Formats
from .tape import EXPONENT_PLACE, array_geometry
from .triples import TRIPLE_BITS, group_count

WEIGHTS = ("streamed", "resident")
ARRAYS = ("adders", "tables")
FIELD_BITS = 32  # a tape word is a whole number of these
RESIDENT_ADDRESS_BITS = 20  # of beats of embeddings: more than any block RAM holds
TRITS_PER_BYTE = 5  # 3**5 = 243 of 256 codes: 1.6 bits a trit


class ConfigError(TritoneError, ValueError):
    """A Config that no machine can be built from, or a preset that does not exist."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of one Tritone machine.

    The ternary array multiplies `rows` x `inputs` trits a clock with `columns` activation vectors;
    one tape word carries exactly the trits of one such clock. The vector pipelines handle `vector`
    elements a clock. A model fits when `hidden` and `inner` (the longest input of any matrix) do.
    `array` says how it multiplies: with "adders" (rtl/ternary_array.py, five trits to a byte) or
    with "tables" of three codes (rtl/table_array.py, five bits to three trits).
    """

    name: str
    rows: int = 4
    inputs: int = 10
    columns: int = 1
    vector: int = 1
    array: str = "adders"
    weights: str = "streamed"
    max_hidden: int = 512
    max_inner: int = 2048
    max_layers: int = 32
    memory_words: int = 1 << 20
    prefetch_words: int = 512
    burst_words: int = 16
    memory_rate: Fraction = Fraction(1)  # words a clock that the memory can sustain
    memory_latency: int = 20  # clocks from an accepted burst request to its first word
    clock_hz: int = 50_000_000
    baud: int = 3_000_000
    token_fifo: int = 1024
    scalar_pace: int = 1  # bits of roots, quotients and products of the scalar unit a clock
    formats: Formats = DEFAULT
    signatures: bool = True  # a register on each stream between boxes, for the self-test

    def __post_init__(self):
        def need(condition, what):
            if not condition:
                raise ConfigError(f"Config {self.name!r}: {what}")

        need(self.array in ARRAYS, f"array={self.array!r}; known: {', '.join(ARRAYS)}")
        need(self.array == "tables" or self.inputs % TRITS_PER_BYTE == 0,
             f"inputs={self.inputs} must be a multiple of 5")
        need(self.array == "adders" or self.vector.bit_count() == 1,
             f"vector={self.vector} must be a power of two")
        need(self.array == "adders" or self.rows.bit_count() == 1,
             f"rows={self.rows} must be a power of two")
        need(self.inputs % self.vector == 0,
             f"vector={self.vector} must divide inputs={self.inputs}")
        need(self.word_bits % 32 == 0, f"a tape word of {self.word_bits} bits is no multiple of 32")
        need(self.weights in WEIGHTS, f"weights={self.weights!r}; known: {', '.join(WEIGHTS)}")
        need(self.weights == "resident"
             or self.word_bits % (self.formats.pair_bits * self.vector) == 0,
             f"vector={self.vector} pairs of {self.formats.pair_bits} bits must divide a tape word "
             f"of {self.word_bits} bits")
        widest = max(self.formats.scale_bits, self.formats.epsilon_bits)
        need(widest <= EXPONENT_PLACE, f"mantissas of {widest} bits; a field of the tape has room "
             f"for {EXPONENT_PLACE}")
        need(self.columns == 1, f"columns={self.columns}: the vector pipelines are built for 1")
        need(self.max_hidden % self.vector == 0 and self.max_inner % self.vector == 0,
             "max_hidden and max_inner must be multiples of vector")
        need(self.max_inner >= self.max_hidden, "max_inner must be at least max_hidden")
        need(self.rows % self.vector == 0, f"vector={self.vector} must divide rows={self.rows}")
        need(self.prefetch_words >= 2 * self.burst_words, "prefetch_words must hold two bursts")

    @property
    def lanes(self):
        """Ternary multiply-accumulates a clock and column."""
        return self.rows * self.inputs

    @property
    def array_bits(self):
        """Bits of a word of trits: those of one clock of the array."""
        if self.array == "tables":
            return -(-self.rows * self.groups * TRIPLE_BITS // FIELD_BITS) * FIELD_BITS
        return self.lanes // TRITS_PER_BYTE * 8

    @property
    def array_bytes(self):
        return self.array_bits // 8

    @property
    def word_bits(self):
        """Bits of a word of the memory: one of trits, or a field of the header when the model is
        resident and there is no memory."""
        return FIELD_BITS if self.weights == "resident" else self.array_bits

    @property
    def word_bytes(self):
        return self.word_bits // 8

    @property
    def groups(self):
        """Groups of three inputs of a row (tables)."""
        return group_count(self.inputs)

    @property
    def block_groups(self):
        """Row groups whose partial sums the array keeps between chunks of inputs (tables)."""
        return 1 << (-(-self.max_hidden // self.rows) - 1).bit_length()

    @property
    def geometry(self):
        """What a tape says of the array that it was made for."""
        return array_geometry(self.array, self.rows, self.inputs, self.vector)

    @property
    def address_bits(self):
        """Bits of a word address of the memory, or of the embeddings of a resident model."""
        if self.weights == "resident":
            return RESIDENT_ADDRESS_BITS
        return (self.memory_words - 1).bit_length()

    @property
    def accumulator_bits(self):
        """Signed bits that hold the largest dot product: 127 * max_inner."""
        return (127 * self.max_inner).bit_length() + 1

    def to_dict(self):
        """JSON-ready fields: fractions as strings, formats by name."""
        return {f.name: str(v) if isinstance(v := getattr(self, f.name), Fraction)
                else v.name if isinstance(v, Formats) else v for f in fields(self)}


# What the virtual board is unless told otherwise. A 32-bit SDRAM clocked at twice the machine: 64
# bits, that is 40 trits, a clock.
VIRTUAL = Config(name="virtual", rows=8, inputs=10, vector=2, memory_rate=Fraction(1, 2))
# A 16-bit SDRAM clocked at 1.6 times the machine: 25.6 bits, that is 16 trits, a clock.
NARROW = Config(name="narrow", inputs=10, memory_rate=Fraction(2, 5))
# A model of 370M on a 16-bit DDR3 at 800 MT/s: 128 bits, that is 80 trits, a clock.
LARGE = Config(name="large", rows=8, inputs=10, vector=2, max_hidden=1024, max_inner=2816,
               max_layers=24, memory_words=1 << 24, prefetch_words=2048, burst_words=64,
               memory_latency=40, clock_hz=100_000_000)
# A 16-bit SDRAM at 133 MHz beside a machine at 100 MHz: a third of a word, 13.3 trits, a clock.
SDRAM16 = Config(name="sdram16", inputs=10, memory_words=1 << 22, memory_rate=Fraction(1, 3),
                 clock_hz=100_000_000)
# The same in an ECP5-25F, which has 28 multipliers and 56 block RAMs.
SDRAM16_COMPACT = replace(SDRAM16, name="sdram16-compact", formats=COMPACT, max_layers=12,
                          max_inner=1024)
# The same with 4 MB of SDRAM of 32 bits at 125 MHz.
SDRAM32_COMPACT = replace(SDRAM16_COMPACT, name="sdram32-compact", memory_words=1 << 19,
                          memory_rate=Fraction(5, 8))
TINY = Config(name="tiny", inputs=10, max_hidden=64, max_inner=128, max_layers=4,
              memory_words=1 << 16, prefetch_words=256, memory_rate=Fraction(2, 5))
# Models of up to 1.3B on a 32-bit DDR4 at 2,400 MT/s: at most 76.8 bytes for a clock of 125 MHz, of
# which a word of 320 trits takes 64. boards/kcu116.py has the rest.
KCU116 = Config(name="kcu116", rows=16, inputs=20, vector=4, max_hidden=2048, max_inner=5632,
                max_layers=24, memory_words=1 << 24, burst_words=64, memory_latency=40,
                clock_hz=125_000_000)
# stories-1m5 in the block RAM of an ECP5 85F; a vector for each clock of the array.
RESIDENT_85F = Config(name="resident", rows=8, inputs=128, vector=8, array="tables",
                      weights="resident", max_hidden=128, max_inner=384, max_layers=6,
                      memory_words=0, clock_hz=80_000_000, token_fifo=512, scalar_pace=3,
                      formats=RESIDENT)

PRESETS = {c.name: c for c in (VIRTUAL, NARROW, LARGE, TINY, SDRAM16, SDRAM16_COMPACT,
                               SDRAM32_COMPACT, KCU116, RESIDENT_85F)}


def preset(name, /, **changes):
    """The Config called `name`, with `changes` to its fields; ConfigError lists the known names.

    `formats` may be one of FORMATS or its name.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; known: {', '.join(sorted(PRESETS))}")
    if isinstance(formats := changes.get("formats"), str):
        if formats not in FORMATS:
            raise ConfigError(f"unknown formats {formats!r}; known: {', '.join(sorted(FORMATS))}")
        changes["formats"] = FORMATS[formats]
    return replace(PRESETS[name], **changes)
