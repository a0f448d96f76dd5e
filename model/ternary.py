"""A weight matrix as trits and one scale, from the values of a released checkpoint in float32."""

from math import fsum
from typing import NamedTuple

import numpy as np

SMALLEST_MEAN = 1e-5  # the released code clamps mean|W| there
EXPONENTS, MANTISSA_BITS = 256, 23  # of float32
LEAST_BIT = -149  # exponent of float32's smallest number


class Ternary(NamedTuple):
    """trits int8 [out, in] of -1, 0, 1; mean float32, the matrix's max(mean|W|, 1e-5)."""

    trits: np.ndarray
    mean: np.float32


def mean_magnitude(weight):
    """max(mean|W|, 1e-5) of a float32 array, as float32; 1e-5 for an empty or all-zero one.

    The sum is exact: mantissas are whole numbers and are added for each exponent apart, which
    float64 does without rounding up to 2**29 elements. So the order of a sum changes nothing.
    """
    bits = np.ascontiguousarray(weight, np.float32).reshape(-1).view(np.uint32)
    exponents = (bits >> MANTISSA_BITS & (EXPONENTS - 1)).astype(np.uint8)
    mantissas = bits & np.uint32((1 << MANTISSA_BITS) - 1)
    mantissas |= (exponents > 0).astype(np.uint32) << MANTISSA_BITS
    sums = np.bincount(exponents, mantissas, EXPONENTS)
    places = np.maximum(np.arange(EXPONENTS), 1) - 1 + LEAST_BIT
    total = fsum(np.ldexp(sums, places))
    return np.float32(max(total / max(bits.size, 1), SMALLEST_MEAN))


def ternarise(weight):
    """The Ternary of a float32 matrix [out, in], rounded as the released code does in float32.

    t = clip(round_half_even(W * (1 / mean)), -1, 1)
    """
    mean = mean_magnitude(weight)
    scaled = weight * (np.float32(1) / mean)
    np.rint(scaled, out=scaled)
    return Ternary(np.clip(scaled, -1, 1, out=scaled).astype(np.int8), mean)
