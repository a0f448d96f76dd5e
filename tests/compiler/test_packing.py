"""Trits on the tape: the order that the array reads, and back."""

import numpy as np
import pytest

from tritone.common.config import preset
from tritone.common.tape import TapeError
from tritone.common.triples import ENTRIES, input_places
from tritone.compiler.packing import pack_matrix, pack_words, unpack_matrix

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


TABLES = [(13, 40, 4, 16, 4), (30, 7, 2, 16, 2), (9, 12, 2, 6, 1), (40, 128, 8, 128, 8)]


def tree_sum(entries, signs):
    """What the adders of a row make of its entries: neighbours, the right one with its sign."""
    nodes, place = list(entries), 1
    while len(nodes) > 1:
        pairs = [nodes[n:n + 2] for n in range(0, len(nodes), 2)]
        nodes = [pair[0] if len(pair) == 1 else
                 pair[0] + (-1) ** signs[(2 * k + 1) * place] * pair[1]
                 for k, pair in enumerate(pairs)]
        place *= 2
    return (-1) ** signs[0] * nodes[0]


@pytest.mark.parametrize(("outputs", "length", "rows", "inputs", "vector"), TABLES)
def test_words_of_tables_give_the_dot_products(outputs, length, rows, inputs, vector):
    """A machine of integers: bits of a word -> entries -> tree -> sums, against trits @ codes."""
    config = preset("narrow", array="tables", weights="resident", rows=rows, inputs=inputs,
                    vector=vector, max_hidden=16, max_inner=128)
    trits = random_trits(outputs, length)
    codes = np.random.default_rng(2).integers(-127, 128, length)
    words = pack_words(trits, config).reshape(-1, config.array_bytes)
    groups, chunks = -(-outputs // rows), -(-length // inputs)
    padded = np.zeros((chunks, inputs), int)
    padded.reshape(-1)[:length] = codes
    order = [(chunk, group) for block in range(0, groups, 16 // rows) for chunk in range(chunks)
             for group in range(block, min(block + 16 // rows, groups))]
    assert len(words) == len(order)
    sums = np.zeros(groups * rows, int)
    for (chunk, group), word in zip(order, words):
        bits = int.from_bytes(word.tobytes(), "little")
        triples = np.zeros((config.groups, 3), int)
        for n, (at, place) in enumerate(input_places(inputs, vector)):
            triples[at, place] = padded[chunk, n]
        for row in range(rows):
            fields = [bits >> 5 * (row * config.groups + n) & 31 for n in range(config.groups)]
            entries = [int(np.dot(ENTRIES[f & 15], triples[n])) for n, f in enumerate(fields)]
            sums[group * rows + row] += tree_sum(entries, [f >> 4 for f in fields])
    assert np.array_equal(sums[:outputs], trits.astype(int) @ codes)


def test_a_place_has_one_input():
    for inputs, vector in ((128, 8), (16, 4), (16, 2), (7, 1), (48, 8)):
        places = input_places(inputs, vector)
        assert len(set(places)) == inputs
        assert max(group for group, _ in places) + 1 == -(-inputs // 3)
