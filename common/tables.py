"""Tables that golden model and gateware share; computed here, never typed.

Sigmoid: straight pieces over 0 <= x < 16, sigmoid(-x) = 1 - sigmoid(x).
Gumbel: the quantile function -ln(-ln u) in straight pieces whose width halves towards u = 0 and
u = 1 down to the last 32-bit u, so that both tails are as exact as the middle. The upper tail
decides how often one of 32,000 unlikely tokens is drawn.
"""

from math import exp, log, log1p

from .formats import DEFAULT

GUMBEL_OCTAVE_BITS, GUMBEL_STEP_BITS, GUMBEL_PLACE_BITS = 5, 3, 10


def _pieces(function, knots):
    """Values at the knots and the rise to the next one, rounded to integers."""
    values = [round(function(x)) for x in knots]
    return values[:-1], [b - a for a, b in zip(values, values[1:])]


def sigmoid_pieces(formats=DEFAULT):
    """(base, slope) lists of 2**sigmoid_index_bits entries, `sigmoid_frac` fraction bits.

    The value never reaches 1, so that it fits `sigmoid_frac` bits. Error: 0.012 times the square of
    a piece's width from the straight pieces, and the rounding of base and slope.
    """
    count = 1 << formats.sigmoid_index_bits
    span = 1 << formats.sigmoid_range_bits
    one = 1 << formats.sigmoid_frac
    return _pieces(lambda x: min(one / (1 + exp(-x)), one - 1),
                   [span * n / count for n in range(count + 1)])


def gumbel_pieces(formats=DEFAULT):
    """(base, slope) lists indexed by {upper half, octave, step}, `gumbel_frac` fraction bits.

    With p the distance of u from the nearer end of (0, 1): octave o covers p in
    [2**-(o+2), 2**-(o+1)), in 8 equal steps; 32 octaves reach p = 2**-33, half of the smallest
    32-bit step. 512 entries of 18 + 11 bits. Error: below 0.002.
    """
    octaves, steps = 1 << GUMBEL_OCTAVE_BITS, 1 << GUMBEL_STEP_BITS
    one = 1 << formats.gumbel_frac
    base, slope = [], []
    for upper in (False, True):
        for octave in range(octaves):
            low = 2.0 ** -(octave + 2)
            knots = [low * (1 + n / steps) for n in range(steps + 1)]
            quantile = [(-log(-log1p(-p)) if upper else -log(-log(p))) for p in knots]
            b, s = _pieces(lambda q: one * q, quantile)
            base, slope = base + b, slope + s
    return base, slope
