"""Roundings and saturations of docs/numerics.md, named as in model/golden.py; trees."""

from functools import reduce
from operator import add

from amaranth.hdl import Const, Mux, signed


def shift_round(x, places):
    """x / 2**places, halves up, for a fixed number of places >= 0; one bit wider."""
    if places == 0:
        return x
    return (x + Const(1 << (places - 1), places + 1)) >> places


def times(x, constant):
    """x * constant, constant > 0, as a sum of shifts: a product would cost a DSP block."""
    return reduce(add, (x << n for n in range(constant.bit_length()) if constant >> n & 1))


def saturate(x, bits):
    """Signed x clipped to +-(2**(bits-1) - 1): the most negative code is not used."""
    limit = (1 << (bits - 1)) - 1
    if len(x) <= bits - 1:
        return x.as_signed() if not x.shape().signed else x
    high = x > Const(limit, signed(len(x)))
    low = x < Const(-limit, signed(len(x)))
    return Mux(high, Const(limit, signed(bits)), Mux(low, Const(-limit, signed(bits)),
                                                     x[:bits].as_signed()))


def bit_length(x):
    """Position of the highest set bit of an unsigned value, plus one; 0 for 0."""
    if len(x) == 1:
        return x
    half = 1 << (len(x) - 1).bit_length() - 1
    low, high = x[:half], x[half:]
    return Mux(high.any(), half + bit_length(high), bit_length(low))


def magnitude(x):
    """Ones' complement magnitude of a signed value: its bit length b has -2**b <= x < 2**b."""
    return (x ^ x[-1].replicate(len(x)))[:-1]


def tree(pipe, values, function, name):
    """`function` of all `values`, two at a time, with a register behind each of its levels."""
    level = 0
    while len(values) > 1:
        level += 1
        pairs = [values[n:n + 2] for n in range(0, len(values), 2)]
        values = [pipe.register(function(*pair) if len(pair) == 2 else pair[0],
                                f"{name}_{level}_{n}") for n, pair in enumerate(pairs)]
    return values[0]
