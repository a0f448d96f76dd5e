"""Blocks of the engine alone, on numbers that no text reaches, against the golden model's."""

import ctypes
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritone.common.formats import DEFAULT as F
from tritone.common.tables import sigmoid_pieces
from tritone.cpu import library as lib
from tritone.model.integers import Norm, Scalar
from tritone.sim.elementwise import corners, golden, integers

PAD = 64
LIBRARY, GOLDEN = lib.library(F), golden(F)


def padded(values, dtype):
    array = np.zeros(-(-len(values) // PAD) * PAD, dtype)
    array[:len(values)] = values
    return array


def scalar(value):
    return lib.Scalar(value.mantissa, value.exponent)


def codes(x, norm, energy, squares):
    """(codes, mantissa, exponent, squares) of the engine."""
    gains = padded(norm.code_gain, np.int32)
    sums = None if norm.sum_gain is None else padded(norm.sum_gain, np.int32)
    structure = lib.Norm(sums.ctypes.data if sums is not None else None, gains.ctypes.data, None,
                         scalar(norm.factor), scalar(norm.energy), scalar(norm.constant))
    source = padded(x, np.int64)
    code = np.full(len(source) + PAD, 99, np.int8)
    scale, total = np.zeros(3, np.int64), ctypes.c_int64(squares)
    assert not LIBRARY.block_codes(source.ctypes.data, len(x), ctypes.byref(structure), energy,
                                   ctypes.byref(total), code.ctypes.data, scale.ctypes.data)
    assert not code[len(x):].any() and scale[2] == code.sum(dtype=np.int64)
    return code[:len(x)].tolist(), int(scale[0]), int(scale[1]), total.value


def expected_codes(x, norm, energy, squares):
    found, scales, total = GOLDEN.linear(x, norm, np.int64([squares]), np.int64([energy]))
    return found.tolist(), int(scales.mantissa[0]), int(scales.exponent[0]), int(total[0])


def random_norm(rng, length, repeat):
    """Gains of all sizes up to their limits, constants as models have them and beyond."""
    gain = lambda bits: np.array(  # noqa: E731
        [max(-(1 << bits - 1) + 1, g) for g in integers(rng, bits, length)], np.int64)
    number = lambda bits, low, high: Scalar.of(  # noqa: E731
        rng.choice((0.0, rng.random() + 0.5)) * 2.0 ** rng.randint(low, high), bits)
    return Norm("residual", None if repeat else gain(F.sum_gain_bits), gain(F.code_gain_bits),
                Scalar.of((rng.random() + 0.1) * 2.0 ** rng.randint(-30, 8), F.scale_bits),
                number(F.epsilon_bits, -40, 10), number(F.epsilon_bits, -40, 40))


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 150), bits=st.integers(2, 36),
       repeat=st.booleans())
def test_codes_and_scale_are_goldens(seed, length, bits, repeat):
    rng = random.Random(seed)
    x = np.array(integers(rng, bits, length), np.int64)
    norm = random_norm(rng, length, repeat)
    energy, squares = rng.getrandbits(rng.randrange(1, 44)), rng.getrandbits(rng.randrange(1, 50))
    assert codes(x, norm, energy, squares) == expected_codes(x, norm, energy, squares)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("size", [1, 2**22 + 1, 2**23 - 1, 2**23, 2**24 - 1, 2**25 - 2, 2**30 - 32,
                                  2**30 - 33, 2**34 + 1, 2**35 - 1])
def test_a_largest_element_that_rounds_up_a_bit(size, sign):
    """Mantissas of 2**23 are clipped, in the codes and in the sum of squares."""
    x = np.array([sign * size, size // 3, -size, 0, 1] * 3, np.int64)
    gain = np.array([2**19 - 1, -1, 77_777] * 5, np.int64)
    for factor in (1, 16):
        norm = Norm("residual", gain, gain * factor, Scalar.of(0.3, F.scale_bits),
                    Scalar.of(0, F.epsilon_bits), Scalar.of(1e4, F.epsilon_bits))
        assert codes(x, norm, 0, 0) == expected_codes(x, norm, 0, 0)


def test_a_vector_of_zeros_has_no_codes_and_no_scale():
    gain = np.full(5, 2**18, np.int64)
    norm = Norm("residual", gain, gain, Scalar.of(0.3, F.scale_bits), Scalar(0, 0), Scalar(0, 0))
    assert codes(np.zeros(5, np.int64), norm, 0, 0)[:2] == ([0] * 5, 0)


@pytest.mark.parametrize("bits, frac", [(F.value_bits, F.value_frac), (F.logit_bits, F.logit_frac),
                                        (F.residual_bits, F.residual_frac)])
def test_scaled_sums_are_goldens(bits, frac):
    """Every place of the point, on both sides of where sums no longer fit."""
    for inputs in (1, 400, 130_000):
        most = 127 * inputs
        sums = padded([-most, most, -1, 0, 1, most // 3, -most // 2, 12], np.int32)
        out = np.zeros(len(sums), np.int64)
        for mantissa in (1 << F.scale_bits - 1, (1 << F.scale_bits) - 1):
            for exponent in range(-90, 20):
                scales = SimpleNamespace(mantissa=np.int64(mantissa), exponent=np.int64(exponent))
                LIBRARY.block_scale(sums.ctypes.data, len(sums), inputs, mantissa, exponent, frac,
                                    bits, out.ctypes.data)
                assert out.tolist() == GOLDEN.scale(sums.astype(np.int64), scales, bits,
                                                    frac).tolist()


def test_elements_are_goldens():
    """silu, gate, recurrence and energy, of all extremes with each other and of many others."""
    rng = random.Random(11)
    ends = [x for x in corners(F.value_bits) if x > -(1 << F.value_bits - 1)]
    pairs = [(a, b) for a in ends for b in rng.sample(ends, 40)]
    pairs += zip(*(np.clip(integers(rng, F.value_bits, 2000), -ends[-1], ends[-1]).tolist()
                   for _ in range(2)))
    a, b = (padded(column, np.int32) for column in zip(*pairs))
    floors = padded([rng.getrandbits(F.floor_bits) for _ in pairs], np.int32)
    state = padded(integers(rng, F.state_bits, len(pairs)), np.int64)
    base, slope = (np.array(t, np.int64) for t in sigmoid_pieces(F))
    table, outs = slope << 32 | base, [np.zeros(len(a), np.int64) for _ in range(4)]
    LIBRARY.block_elements(ctypes.byref(lib.Model(sigmoid=table.ctypes.data)), len(a),
                           *(x.ctypes.data for x in (a, b, floors, state, *outs)))
    a, b, floors = (x.astype(np.int64) for x in (a, b, floors))
    energies = [int(GOLDEN.energy(a[n:n + 1])[0]) for n in range(len(a))]
    for ours, theirs in zip(outs, (GOLDEN.silu(a), GOLDEN.gate(a, b),
                                   GOLDEN.mlgru(a, b, floors, state), energies)):
        assert ours.tolist() == list(theirs)
