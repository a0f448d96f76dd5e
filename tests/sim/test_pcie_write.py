"""WriteEngine, case by case of sim/tb_pcie_write.py; at widths other than 64 bits those of data."""

import pytest

from tritone.common.pcie import PcieUse
from tritone.rtl.pcie_write import WriteEngine
from tritone.sim.runner import cases, run

CASES = cases("tb_pcie_write")
DATA = [c for c in CASES if c.startswith((
    "every_alignment", "around", "random", "a_clear", "bytes_leave", "the_next"))]


def check(case, lanes):
    use = {"lanes": lanes}
    run(WriteEngine(PcieUse(**use)), "tb_pcie_write", case, name=f"write_engine_{lanes}",
        parameters={"use": use})


@pytest.mark.parametrize("case", CASES)
def test_pcie_write(case):
    check(case, 2)


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("lanes", [4, 8])
def test_pcie_write_at_other_widths(case, lanes):
    check(case, lanes)
