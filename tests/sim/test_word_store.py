"""WordStore, case by case of sim/tb_word_store.py."""

import random

import pytest
from tritone.rtl.word_store import WordStore, pieces
from tritone.sim.runner import cases, run

# In one memory, in two, and in three.
LENGTHS = {"one": 300, "two": 1376, "three": 3700}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("case", cases("tb_word_store"))
def test_word_store(case, length):
    words = [random.Random(n).getrandbits(10) for n in range(LENGTHS[length])]
    assert len(pieces(len(words))) == list(LENGTHS).index(length) + 1
    run(WordStore(10, words), "tb_word_store", case, parameters={"words": words})
