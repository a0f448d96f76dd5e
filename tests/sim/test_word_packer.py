"""WordPacker and WordUnpacker, case by case of sim/tb_word_packer.py."""

import pytest

from tritone.rtl.word_packer import WordPacker, WordUnpacker
from tritone.sim.runner import cases, run

OTHER = pytest.mark.other_width
SIZES = [(8, 1), (8, 4), (8, 8), (8, 16), pytest.param(16, 8, marks=OTHER),
         pytest.param(32, 64, marks=OTHER)]
BOXES = {"packs": WordPacker, "unpacks": WordUnpacker}


@pytest.mark.parametrize("beat, word", SIZES)
@pytest.mark.parametrize("case", cases("tb_word_packer"))
def test_word_packer(case, beat, word):
    run(BOXES[case.split("/")[0]](beat, word), "tb_word_packer", case,
        parameters={"beat": beat, "word": word})
