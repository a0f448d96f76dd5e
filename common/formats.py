"""Widths of every number in the machine: the contract between golden model, compiler and gateware.

docs/numerics.md says what each is for and why it is as wide as it is.
"""

import zlib
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Bits and fraction bits; `x_frac` counts the bits right of the binary point."""

    residual_bits: int = 36
    residual_frac: int = 22
    state_bits: int = 36
    state_frac: int = 24
    product_bits: int = 36  # gated products: inputs of o_proj and down_proj
    product_frac: int = 26
    value_bits: int = 32  # what a matrix gives: gates, candidates, GLU halves
    value_frac: int = 22
    energy_bits: int = 16  # a value as it enters the sum of squares under a gated norm
    energy_frac: int = 8
    mantissa_bits: int = 24  # a vector element after block normalisation, signed
    code_gain_bits: int = 24  # signed
    code_input_bits: int = 36  # mantissa times code gain, signed
    sum_mantissa_bits: int = 20  # the same element as it enters the sum of squares
    sum_gain_bits: int = 20  # signed
    floor_bits: int = 22  # unsigned: 1 - lower bound
    sigmoid_frac: int = 22
    sigmoid_index_bits: int = 12
    sigmoid_range_bits: int = 4  # |argument| < 16
    scale_bits: int = 22  # mantissas of the scale of a matrix, unsigned, top bit set
    epsilon_bits: int = 17  # mantissas of the terms of the sum of squares with eps
    embedding_bits: int = 32
    logit_bits: int = 32
    logit_frac: int = 16
    gumbel_bits: int = 18
    gumbel_frac: int = 12
    temperature_bits: int = 16
    temperature_frac: int = 12

    @property
    def code_input_drop(self):
        """Low bits of mantissa * code gain that are not kept."""
        return max(0, self.mantissa_bits + self.code_gain_bits - 1 - self.code_input_bits)

    @property
    def sum_drop(self):
        """Low bits of the mantissa that do not enter the sum of squares."""
        return self.mantissa_bits - self.sum_mantissa_bits

    @property
    def element_bits(self):
        """Of what enters a norm: an element of the residual or of the gated products."""
        return max(self.residual_bits, self.product_bits)

    @property
    def slot_bits(self):
        """Of a gain, a floor or an element of an embedding in the tape."""
        widest = max(self.code_gain_bits, self.sum_gain_bits, self.floor_bits, self.embedding_bits)
        return 16 if widest <= 16 else 32

    @property
    def pair_bits(self):
        """Of a sum gain or floor and a code gain in the tape."""
        return 2 * self.slot_bits

    @property
    def embedding_shift_bits(self):
        """Of the shift from an embedding to the residual."""
        return (self.residual_bits - self.embedding_bits).bit_length()

    @property
    def reciprocal_bits(self):
        """Of 127 / largest, unsigned."""
        return self.mantissa_bits - 1

    @property
    def reciprocal_frac(self):
        return 2 * self.reciprocal_bits - 8

    @property
    def name(self):
        """That under which `FORMATS` has these widths, or "custom"."""
        return next((name for name, known in FORMATS.items() if known == self), "custom")

    @property
    def crc(self):
        """CRC-32 of the names and values: equal numbers of equal meaning, whatever their name."""
        return zlib.crc32("".join(f"{n}={v}\n" for n, v in sorted(asdict(self).items())).encode())


DEFAULT = Formats()
# For machines with few multipliers: one code in a thousand differs from float32's.
COMPACT = Formats(
    residual_bits=32, residual_frac=20, state_bits=32, state_frac=20, product_bits=32,
    product_frac=22, value_bits=24, value_frac=14, mantissa_bits=18, code_gain_bits=16,
    code_input_bits=33, sum_mantissa_bits=18, sum_gain_bits=16, floor_bits=16, sigmoid_frac=17,
    sigmoid_index_bits=9, scale_bits=17, embedding_bits=16)
# For a model in block RAM: the embeddings are what would not fit; and eight elements a clock are
# all that an 85F has wires for, so an operand is that of one multiplier, and no number has over
# 24 bits.
RESIDENT = replace(
    COMPACT, residual_bits=24, residual_frac=16, state_bits=24, state_frac=17, product_bits=24,
    product_frac=14, value_bits=18, value_frac=11, code_input_bits=20, sigmoid_index_bits=6,
    embedding_bits=4, logit_bits=24)

FORMATS = {"fine": DEFAULT, "compact": COMPACT, "resident": RESIDENT}
