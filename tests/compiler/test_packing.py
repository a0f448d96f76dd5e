"""Trits on the tape: the order that the array reads, and back."""

import numpy as np
import pytest

from tritone.common.tape import TapeError
from tritone.compiler.packing import pack_matrix, unpack_matrix

SHAPES = [(7, 13, 4, 5), (8, 10, 4, 5), (1, 1, 8, 10), (65, 131, 16, 20)]  # M, N, rows, inputs


def random_trits(outputs, length):
    return np.random.default_rng(1).integers(-1, 2, (outputs, length)).astype(np.int8)


@pytest.mark.parametrize(("outputs", "length", "rows", "inputs"), SHAPES)
def test_bytes_lie_in_the_order_of_the_words(outputs, length, rows, inputs):
    trits = random_trits(outputs, length)
    groups, chunks = -(-outputs // rows), -(-length // inputs)
    padded = np.zeros((groups * rows, chunks * inputs), int)
    padded[:outputs, :length] = trits
    expected = [sum((padded[group * rows + row, chunk * inputs + 5 * byte + k] + 1) * 3**k
                    for k in range(5))
                for group in range(groups) for chunk in range(chunks)
                for row in range(rows) for byte in range(inputs // 5)]
    assert pack_matrix(trits, rows, inputs).tolist() == expected


@pytest.mark.parametrize(("outputs", "length", "rows", "inputs"), SHAPES)
def test_unpacking_gives_the_trits_back(outputs, length, rows, inputs):
    trits = random_trits(outputs, length)
    packed = pack_matrix(trits, rows, inputs)
    assert packed.dtype == np.uint8
    assert np.array_equal(unpack_matrix(packed, outputs, length, rows, inputs), trits)


def test_what_are_no_trits_is_refused():
    with pytest.raises(ValueError, match="from 0 to 2"):
        pack_matrix(np.array([[0, 2]], np.int8), 4, 5)
    packed = pack_matrix(random_trits(8, 10), 4, 5)
    packed[3] = 243
    with pytest.raises(TapeError, match="byte 3 of a matrix is 243"):
        unpack_matrix(packed, 8, 10, 4, 5)
    with pytest.raises(TapeError, match="7 bytes of trits"):
        unpack_matrix(packed[:7], 8, 10, 4, 5)
