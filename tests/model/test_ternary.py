"""Trits and means of matrices, and trits in bytes."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tritone.model import ternary
from tritone.model.ternary import mean_magnitude, pack_trits, ternarise, unpack_trits

FLOATS = st.floats(-2.0**100, 2.0**100, width=32)


@given(arrays(np.float32, st.integers(1, 60), elements=FLOATS))
def test_mean_is_the_exact_one_rounded(values):
    exact = sum(Fraction(abs(float(v))) for v in values) / len(values)
    expected = np.float32(max(float(exact), 1e-5))
    assert abs(int(mean_magnitude(values).view(np.int32)) - int(expected.view(np.int32))) <= \
        (0 if _far_from_a_tie(exact) else 1)


def _far_from_a_tie(exact):
    """Whether float64 on the way to float32 cannot matter."""
    near = np.float32(float(exact))
    ulp = Fraction(float(np.spacing(near)))
    return abs(abs(exact - Fraction(float(near))) / ulp - Fraction(1, 2)) > Fraction(1, 2**20)


def test_mean_does_not_depend_on_the_order(monkeypatch):
    rng = np.random.default_rng(3)
    values = rng.lognormal(0, 2, 100_000).astype(np.float32)
    exact = np.float32(float(sum(Fraction(float(v)) for v in values) / len(values)))
    for block in (999, 1 << 20):
        monkeypatch.setattr(ternary, "BLOCK", block)
        for _ in range(5):
            assert mean_magnitude(rng.permutation(values)) == exact


def test_trits_round_halves_to_even():
    weight = np.array([[0.5, -0.5, 1.5, 0.51], [1.0, -3.0, 0.0, -0.99]], np.float32)
    weight[1, 2] = 8 - np.abs(weight).sum()  # now the mean is 1
    trits, mean = ternarise(weight)
    assert mean == 1
    assert trits.tolist() == [[0, 0, 1, 1], [1, -1, 0, -1]]


def test_all_zero_matrix_has_zero_trits():
    trits, mean = ternarise(np.zeros((4, 4), np.float32))
    assert not trits.any() and mean == np.float32(1e-5)


def test_trits_of_all_blocks_are_those_of_the_whole(monkeypatch):
    weight = np.random.default_rng(4).normal(0, 1, (37, 53)).astype(np.float32)
    expected = np.clip(np.rint(weight / np.abs(weight).mean(dtype=np.float64)), -1, 1)
    monkeypatch.setattr(ternary, "BLOCK", 100)
    np.testing.assert_array_equal(ternarise(weight).trits, expected)


def test_a_byte_is_five_trits_the_first_the_least():
    trits = np.array([[1, 0, 0, 0, 0, -1, -1, -1, -1, -1], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]], np.int8)
    assert pack_trits(trits).tolist() == [[122, 0], [121 + 81, 242]]


@given(arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 9).map(lambda n: 5 * n)),
              elements=st.integers(-1, 1)))
def test_packed_trits_come_back(trits):
    np.testing.assert_array_equal(unpack_trits(pack_trits(trits)), trits)


def test_what_is_no_trit_is_refused():
    with pytest.raises(ValueError, match="from 0 to 2"):
        pack_trits(np.array([[0, 2, 0, 0, 0]], np.int8))
