"""Ternary products: each kernel that this processor runs, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritone.common.formats import DEFAULT
from tritone.cpu.library import library

PAD = 64  # codes behind the last input are zeros up to a multiple, and PAD more
CANARY = 0x5A
LIBRARY = library(DEFAULT)
KERNELS = sorted(LIBRARY.kernels)


def pack(kernel, trits):
    """Packed trits, as many bytes as the kernel says; it must write no more."""
    number = LIBRARY.kernels[kernel]
    size = LIBRARY.kernel_bytes_of(number, *trits.shape)
    room = np.full(size + 2 * PAD, CANARY, np.uint8)
    LIBRARY.kernel_pack(number, trits.ctypes.data, *trits.shape, room.ctypes.data)
    assert (room[size:] == CANARY).all()
    return room[:size].copy()


def product(kernel, trits, codes, ranges=None):
    """Sums int32 [rows] of a matrix and a vector, by runs of whole panels."""
    number, (rows, inputs) = LIBRARY.kernels[kernel], trits.shape
    panel = LIBRARY.kernel_panel(number)
    weights = pack(kernel, trits)
    vector = np.zeros(-(-inputs // PAD) * PAD + PAD, np.int8)
    vector[:inputs] = codes
    panels = -(-rows // panel)
    out = np.full(panels * panel + PAD, CANARY, np.int32)
    for first, last in ranges(panels) if ranges else [(0, panels)]:
        LIBRARY.kernel_product(number, weights.ctypes.data, inputs, vector.ctypes.data,
                               first * panel, last * panel, out.ctypes.data)
    assert (out[panels * panel:] == CANARY).all() and not out[rows:panels * panel].any()
    return out[:rows]


def test_there_is_always_a_plain_kernel():
    assert "plain" in KERNELS


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 140), inputs=st.integers(1, 700), seed=st.integers(0, 2**32 - 1))
def test_products_are_numpys(kernel, rows, inputs, seed):
    rng = np.random.default_rng(seed)
    trits = rng.integers(-1, 2, (rows, inputs), np.int8)
    codes = rng.integers(-127, 128, inputs, np.int8)
    expected = trits.astype(np.int64) @ codes.astype(np.int64)
    assert product(kernel, trits, codes).tolist() == expected.tolist()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("trit", [-1, 0, 1])
@pytest.mark.parametrize("code", [-127, 127])
def test_no_sum_overflows(kernel, trit, code):
    """The largest sums of the longest vectors: 127 N, whatever is summed in fewer bits on the way.
    """
    inputs = 130_000
    trits = np.full((3, inputs), trit, np.int8)
    trits[1] = np.where(np.arange(inputs) % 2, trit, -trit)
    trits[2, ::4] = 0
    codes = np.full(inputs, code, np.int8)
    expected = [trit * code * inputs, 0, trit * code * inputs * 3 // 4]
    assert product(kernel, trits, codes).tolist() == expected


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_place_counts_once(kernel):
    """One trit that is not 0, in each place of a matrix in turn: it meets its own code."""
    rows, inputs = 70, 132
    codes = (np.arange(inputs) % 127 + 1).astype(np.int8)
    for place in range(0, rows * inputs, 61):
        trits = np.zeros((rows, inputs), np.int8)
        trits.flat[place] = -1
        row, column = divmod(place, inputs)
        expected = np.zeros(rows, int)
        expected[row] = -codes[column]
        assert product(kernel, trits, codes).tolist() == expected.tolist()


@pytest.mark.parametrize("kernel", KERNELS)
def test_runs_of_panels_make_the_whole(kernel):
    """As threads share a matrix, in any order, with runs that are empty."""
    rng = np.random.default_rng(3)
    trits = rng.integers(-1, 2, (300, 96), np.int8)
    codes = rng.integers(-127, 128, 96, np.int8)
    cut = lambda panels: [(2, panels), (1, 2), (1, 1), (0, 1)]  # noqa: E731
    expected = trits.astype(np.int64) @ codes.astype(np.int64)
    assert product(kernel, trits, codes, cut).tolist() == expected.tolist()
