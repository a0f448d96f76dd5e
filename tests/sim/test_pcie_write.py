"""WriteEngine, case by case of sim/tb_pcie_write.py; at widths other than 64 bits those of data."""

import pytest

from tritone.common.pcie import PcieUse
from tritone.rtl.pcie_write import WriteEngine
from tritone.sim.runner import cases, made, run

CASES = cases("tb_pcie_write")
DATA = ["every_alignment_and_short_length/idle=0.3/stall=0.3", "around_every_cut/limit=1",
        "random_transfers/idle=0.2/stall=0.5", "the_next_packets_are_filled_while_one_waits",
        "a_clear_in_the_middle_drops_what_has_not_begun/clocks=41/stall=0.4",
        "bytes_leave_as_fast_as_the_bus_carries_them/limit=1"]


def check(case, lanes):
    use = {"lanes": lanes}
    run(made(WriteEngine, PcieUse(**use)), "tb_pcie_write", case, name=f"write_engine_{lanes}",
        parameters={"use": use})


@pytest.mark.parametrize("case", CASES)
def test_pcie_write(case):
    check(case, 2)


@pytest.mark.other_width
@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("lanes", [4, 8])
def test_pcie_write_at_other_widths(case, lanes):
    check(case, lanes)
