"""BarRegisters, case by case of sim/tb_pcie_registers.py."""

import pytest

from tritone.rtl.pcie_registers import BarRegisters
from tritone.sim.runner import cases, made, run

OTHER = pytest.mark.other_width
ALL = [pytest.param(case, lanes, marks=[OTHER] if lanes != 2 else [])
       for lanes in (2, 4, 8) for case in cases("tb_pcie_registers")
       if lanes == 2 or "idle=0/" not in case and "stall=0" != case[-7:]]


@pytest.mark.parametrize("case, lanes", ALL)
def test_pcie_registers(case, lanes):
    run(made(BarRegisters, lanes), "tb_pcie_registers", case, parameters={"lanes": lanes})
