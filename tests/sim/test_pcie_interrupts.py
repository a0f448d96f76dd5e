"""Interrupts, case by case of sim/tb_pcie_interrupts.py."""

import pytest

from tritone.rtl.pcie_interrupts import Interrupts
from tritone.sim.runner import cases, run

SIZES = {"attempts": 3, "pause": 40}


@pytest.mark.parametrize("case", cases("tb_pcie_interrupts"))
def test_pcie_interrupts(case):
    run(Interrupts(**SIZES), "tb_pcie_interrupts", case, parameters=SIZES)
