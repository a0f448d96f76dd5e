"""A weight matrix as trits and one scale, from the values of a released checkpoint in float32."""

from math import fsum
from typing import NamedTuple

import numpy as np

from ..common.config import TRITS_PER_BYTE

SMALLEST_MEAN = 1e-5  # the released code clamps mean|W| there
EXPONENTS, MANTISSA_BITS = 256, 23  # of float32
LEAST_BIT = -149  # exponent of float32's smallest number
BLOCK = 1 << 20  # elements handled at once, so that temporaries stay small
CODES = 3**TRITS_PER_BYTE  # byte = sum of (trit_k + 1) * 3**k: 0 .. 242
ZEROS = CODES // 2  # the byte of five zero trits: 121


class Ternary(NamedTuple):
    """trits int8 [out, in] of -1, 0, 1; mean float32, the matrix's max(mean|W|, 1e-5)."""

    trits: np.ndarray
    mean: np.float32


def _mantissa_sums(values):
    """float32 [n] -> float64 [256], the mantissas of each exponent, summed as whole numbers."""
    bits = values.view(np.uint32)
    exponents = (bits >> MANTISSA_BITS & (EXPONENTS - 1)).astype(np.uint8)
    mantissas = bits & np.uint32((1 << MANTISSA_BITS) - 1)
    mantissas |= (exponents > 0).astype(np.uint32) << MANTISSA_BITS
    return np.bincount(exponents, mantissas, EXPONENTS)


def mean_of(total, size):
    """The mean float32 of `size` weights whose magnitudes sum to `total` (float)."""
    return np.float32(max(total / max(size, 1), SMALLEST_MEAN))


def mean_magnitude(weight):
    """max(mean|W|, 1e-5) of a float32 array, as float32; 1e-5 for an empty or all-zero one.

    The sum is exact: mantissas are whole numbers and are added for each exponent apart, which
    float64 does without rounding up to 2**29 elements. So the order of a sum changes nothing.
    """
    flat = np.ascontiguousarray(weight, np.float32).reshape(-1)
    sums = np.zeros(EXPONENTS)
    for start in range(0, flat.size, BLOCK):
        sums += _mantissa_sums(flat[start:start + BLOCK])
    places = np.maximum(np.arange(EXPONENTS), 1) - 1 + LEAST_BIT
    return mean_of(fsum(np.ldexp(sums, places)), flat.size)


def ternarise(weight):
    """The Ternary of a float32 matrix [out, in], rounded as the released code does in float32.

    t = clip(round_half_even(W * (1 / mean)), -1, 1)
    """
    mean = mean_magnitude(weight)
    inverse = np.float32(1) / mean
    flat = np.ascontiguousarray(weight, np.float32).reshape(-1)
    trits = np.empty(flat.size, np.int8)
    for start in range(0, flat.size, BLOCK):
        scaled = np.rint(flat[start:start + BLOCK] * inverse)
        trits[start:start + BLOCK] = np.clip(scaled, -1, 1)
    return Ternary(trits.reshape(weight.shape), mean)


def pack_trits(trits):
    """int8 [..., 5 n] of -1, 0, 1 -> uint8 [..., n]: five trits to a byte, the first the least."""
    if trits.size and (trits.min() < -1 or trits.max() > 1):
        raise ValueError(f"trits from {trits.min()} to {trits.max()}; expected -1, 0, 1")
    digits = trits.astype(np.int8, copy=False).view(np.uint8)
    shape = (*trits.shape[:-1], trits.shape[-1] // TRITS_PER_BYTE)
    codes = np.full(shape, ZEROS, np.uint8)
    for k in range(TRITS_PER_BYTE):
        codes += digits[..., k::TRITS_PER_BYTE] * np.uint8(3**k)  # -1 is 255: right modulo 256
    return codes


def unpack_trits(codes):
    """The inverse: uint8 [..., n] below CODES -> int8 [..., 5 n]."""
    digits = np.arange(CODES)[:, None] // 3 ** np.arange(TRITS_PER_BYTE) % 3 - 1
    trits = digits.astype(np.int8)[codes]
    return trits.reshape(*codes.shape[:-1], -1)
