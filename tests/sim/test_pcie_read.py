"""ReadEngine, case by case of sim/tb_pcie_read.py; at widths other than 64 bits those of data."""

import pytest

from tritone.common.pcie import TAGS, PcieUse
from tritone.rtl.pcie_read import ReadEngine
from tritone.sim.runner import cases, run

CASES = cases("tb_pcie_read")
DATA = [c for c in CASES if c.startswith((
    "every_alignment", "around", "random", "a_clear", "bytes_come", "data_that", "a_beat"))]
TIMEOUT = 4000  # clocks; longer than any read of the tests waits among the others


def check(case, lanes):
    use = {"lanes": lanes, "timeout": TIMEOUT}
    run(ReadEngine(PcieUse(**use)), "tb_pcie_read", case, name=f"read_engine_{lanes}",
        parameters={"use": use, "tags": TAGS})


@pytest.mark.parametrize("case", CASES)
def test_pcie_read(case):
    check(case, 2)


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("lanes", [4, 8])
def test_pcie_read_at_other_widths(case, lanes):
    check(case, lanes)
