"""ReadEngine, case by case of sim/tb_pcie_read.py and sim/tb_pcie_read_errors.py; at widths
other than 64 bits those of data."""

import pytest

from tritone.common.pcie import TAGS, PcieUse
from tritone.rtl.pcie_read import ReadEngine
from tritone.sim.runner import cases, made, run

MODULES = {case: module for module in ("tb_pcie_read", "tb_pcie_read_errors")
           for case in cases(module)}
DATA = ["every_alignment_and_short_length/idle=0.3/stall=0.3/boundary=64",
        "around_every_cut/limit=2/boundary=128", "a_beat_a_clock_leaves",
        "random_transfers/idle=0.2/stall=0.5/boundary=None/mix=True",
        "a_clear_in_the_middle_drops_everything/clocks=30",
        "data_that_are_not_as_many_as_the_header_said_end_it/early=0",
        "bytes_come_as_fast_as_the_bus_carries_them/address=5"]
TIMEOUT = 4000  # clocks; longer than any read of the tests waits among the others


def check(case, lanes):
    use = {"lanes": lanes, "timeout": TIMEOUT}
    run(made(ReadEngine, PcieUse(**use)), MODULES[case], case, name=f"read_engine_{lanes}",
        parameters={"use": use, "tags": TAGS})


@pytest.mark.parametrize("case", MODULES)
def test_pcie_read(case):
    check(case, 2)


@pytest.mark.other_width
@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("lanes", [4, 8])
def test_pcie_read_at_other_widths(case, lanes):
    check(case, lanes)
