"""MemoryMarch, case by case of sim/tb_memory_march.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.memory_march import MemoryMarch
from tritone.sim.runner import cases, made, run

TINY = "tiny", {}
WIDE = "virtual", {"inputs": 30, "rows": 2, "vector": 1, "formats": "compact",  # of 96 bits
                   "memory_words": 3000, "burst_words": 7}


def check(case, name, changes):
    run(made(MemoryMarch, preset(name, **changes)), "tb_memory_march", case,
        parameters={"preset": name, "changes": changes})


@pytest.mark.parametrize("case", cases("tb_memory_march"))
def test_march(case):
    check(case, *TINY)


def test_march_of_96_bits():
    check("accesses_are_those_of_the_march/stall=0.5", *WIDE)
