"""Widths of every number in the machine: the contract between golden model, compiler and gateware.

docs/numerics.md says what each is for and why it is as wide as it is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Bits and fraction bits; `x_frac` counts the bits right of the binary point."""

    residual_bits: int = 32
    residual_frac: int = 20
    state_bits: int = 32
    state_frac: int = 20
    product_bits: int = 32  # gated products: inputs of o_proj and down_proj
    product_frac: int = 22
    value_bits: int = 24  # what a matrix gives: gates, candidates, GLU halves
    value_frac: int = 14
    energy_bits: int = 16  # a value as it enters the sum of squares under a gated norm
    energy_frac: int = 8
    mantissa_bits: int = 18  # a vector element after block normalisation, signed
    gain_bits: int = 16  # signed
    floor_bits: int = 16  # unsigned: 1 - lower bound
    sigmoid_frac: int = 17
    sigmoid_index_bits: int = 9
    sigmoid_range_bits: int = 4  # |argument| < 16
    scale_bits: int = 17  # mantissas of scalars, unsigned, top bit set
    embedding_bits: int = 16
    logit_bits: int = 32
    logit_frac: int = 16
    gumbel_bits: int = 18
    gumbel_frac: int = 12
    temperature_bits: int = 16
    temperature_frac: int = 12


DEFAULT = Formats()
