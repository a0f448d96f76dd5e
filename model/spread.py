"""Weights of a given dtype whose trits and mean are given: what `tritone unpack` writes.

Given n non-zero trits among N and a mean m, magnitudes are wanted that sum to N m, so nearly that
m is the float32 nearest to their mean, and that are above m / 2 where the trit is not zero and
below it where it is. All but a few non-zeros get c or c + u, where c = N m / n rounded down to the
dtype and u is the dtype's step there; a few elements of other magnitude take up the rest.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .ternary import BLOCK, SMALLEST_MEAN, mean_of
from .weights import DTYPES

# safetensors' name -> (bits of the significand, exponent of the least bit, largest value)
FORMATS = {"BF16": (8, -133, Fraction(255) * 2**120), "F16": (11, -24, Fraction(65504)),
           "F32": (24, -149, Fraction(2**24 - 1) * 2**104)}
HAIR = Fraction(1, 2**20)  # keeps off the tie between two float32
ATTEMPTS = 40  # bound on elements that take up the rest; a few are the rule


@dataclass(frozen=True)
class Spread:
    """Magnitudes in order of the elements: [(value, count), ...] for each kind of trit.

    Elements of `zeros` beyond the last count are 0.
    """

    nonzeros: tuple
    zeros: tuple

    @property
    def total(self):
        return sum((value * count for value, count in self.nonzeros + self.zeros), Fraction(0))


class _Dtype:
    """Rounding to a floating-point format, in exact fractions."""

    def __init__(self, name):
        self.bits, self.least, self.largest = FORMATS[name]

    def step(self, x):
        """Distance from floor(x) to the next larger number of the format."""
        exponent = x.numerator.bit_length() - x.denominator.bit_length()
        if x < Fraction(2) ** exponent:
            exponent -= 1
        return Fraction(2) ** max(exponent - self.bits + 1, self.least)

    def floor(self, x):
        return x // self.step(x) * self.step(x) if x else x


class _Target:
    """Sums of magnitudes that give a mean, and the trit that a magnitude gives.

    `top` is the largest such sum but for a hair: rounding down from there finds a sum of coarse
    numbers wherever there is one. `slack` is how far below it sums still do.
    """

    def __init__(self, mean, size):
        self.mean, self.size = np.float32(mean), size
        exact, ulp = Fraction(float(self.mean)), Fraction(float(np.spacing(self.mean)))
        self.half = exact / 2
        self.top = size * (exact + ulp / 2 * (1 - HAIR))
        self.slack = size * ulp * (1 - HAIR)

    def reached(self, total):
        return mean_of(float(total), self.size) == self.mean

    def counts(self, value):
        """Whether a magnitude gives a trit that is not zero."""
        return bool(np.rint(np.float32(float(value)) * (np.float32(1) / self.mean)))


def _onto_zeros(rest, room, dtype, target):
    """Magnitudes of up to `room` zero trits, [(value, count)], that sum to about `rest`."""
    cap, groups = dtype.floor(target.half / 2), []
    while rest > target.slack and room > 0 and len(groups) < ATTEMPTS:
        value = dtype.floor(min(rest, cap))
        if not value:
            break
        count = min(room, int(rest // value))
        groups.append((value, count))
        rest, room = rest - value * count, room - count
    return groups


def _spread(fixed, count, room, dtype, target):
    """The Spread whose odd non-zeros are `fixed`, with the rest on zeros as far as it goes."""
    wanted = target.top - sum(fixed)
    low = dtype.floor(wanted / count)
    raised, rest = divmod(wanted - low * count, dtype.step(low))
    pairs = [(low + dtype.step(low), int(raised)), (low, count - int(raised))]
    pairs += [(value, 1) for value in fixed]
    return Spread(tuple(p for p in pairs if p[1]),
                  tuple(_onto_zeros(rest, room, dtype, target)))


def _finer(fixed, count, dtype, target):
    """The largest odd magnitude that takes a bit of the rest which steps of the others cannot.

    The numbers just below a power of two are odd multiples of the step there.
    """
    wanted = target.top - sum(fixed)
    low = dtype.floor(wanted / count)
    step = dtype.step(low)
    rest = (wanted - low * count) % step
    while rest > 0:
        step /= 2
        value = step * (2**dtype.bits - 1)
        if value < dtype.step(value) * 2**(dtype.bits - 1) or not target.counts(value):
            return None
        if rest >= step:
            return value
    return None


def plan(mean, nonzeros, zeros, dtype):
    """The Spread of a matrix, None when the dtype has none that this way of search finds.

    Parameters
    ----------
    mean : float32, at least 1e-5
    nonzeros, zeros : numbers of trits
    dtype : "BF16", "F16" or "F32"
    """
    target, form = _Target(mean, nonzeros + zeros), _Dtype(dtype)
    if target.mean == np.float32(SMALLEST_MEAN):  # anything below it is clamped to it
        value = form.floor(Fraction(float(target.mean)))
        return Spread(((value, nonzeros),) if nonzeros else (), ())
    fixed, count = [], nonzeros
    while count > 0 and len(fixed) < ATTEMPTS:
        spread = _spread(fixed, count, zeros, form, target)
        if spread.nonzeros[0][0] <= form.largest and target.reached(spread.total):
            return spread
        odd = _finer(fixed, count, form, target)
        if odd is None:
            return None
        fixed, count = [*fixed, odd], count - 1
    return None


def _ends(flags, counts):
    """Element index after which each of `counts` set flags have been passed, in turn."""
    starts = np.arange(0, flags.size, BLOCK)
    passed, ends = np.cumsum(np.add.reduceat(flags, starts, dtype=np.int64)), []
    for wanted in np.cumsum(counts):
        block = int(np.searchsorted(passed, wanted))
        inside = np.flatnonzero(flags[starts[block]:starts[block] + BLOCK])
        before = int(passed[block - 1]) if block else 0
        ends.append(int(starts[block] + inside[wanted - before - 1]) + 1)
    return ends


def weights_of(trits, spread, dtype):
    """Trits int8 [out, in] with the magnitudes of a Spread, as an array of `dtype`."""
    numpy_dtype = DTYPES[dtype]
    flat = trits.reshape(-1)
    weights = np.zeros(flat.size, numpy_dtype)
    for groups, chosen in ((spread.nonzeros, flat != 0), (spread.zeros, flat == 0)):
        start = 0
        for (value, _), end in zip(groups, _ends(chosen, [count for _, count in groups])):
            part, magnitude = slice(start, end), numpy_dtype.type(float(value))
            if groups is spread.nonzeros:
                weights[part] = flat[part].astype(numpy_dtype) * magnitude
            else:
                weights[part][chosen[part]] = magnitude
            start = end
    return weights.reshape(trits.shape)
