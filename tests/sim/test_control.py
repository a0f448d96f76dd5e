"""Control, case by case of sim/tb_control.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.control import Control
from tritone.sim.runner import cases, made, run

TINY = "tiny", {"token_fifo": 16}
WIDE = "virtual", {"token_fifo": 16, "inputs": 30, "rows": 2, "vector": 1,  # words of 96 bits
                   "formats": "compact", "signatures": False}
POLL_CLOCKS = 300


def check(case, name, changes):
    run(made(Control, preset(name, **changes), poll_clocks=POLL_CLOCKS), "tb_control", case,
        parameters={"preset": name, "changes": changes, "poll_clocks": POLL_CLOCKS})


@pytest.mark.parametrize("case", cases("tb_control"))
def test_control(case):
    check(case, *TINY)


@pytest.mark.parametrize("case", [
    c for c in cases("tb_control") if c.startswith(("identify_", "a_fault_", "signatures_"))
    or c.endswith("idle=0.5/stall=0.5") and c.startswith("memory_")])
def test_control_with_words_of_96_bits(case):
    check(case, *WIDE)
