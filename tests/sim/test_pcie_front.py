"""PcieFront, case by case of sim/tb_pcie_front.py and sim/tb_pcie_front_board.py."""

import pytest

from tritone.sim.pcie_front import PcieFront
from tritone.sim.runner import cases, made, run

MODULES = {case: module for module in ("tb_pcie_front", "tb_pcie_front_board")
           for case in cases(module)}
OTHER = pytest.mark.other_width
ALL = [pytest.param(case, lanes, marks=[OTHER] if lanes != 2 else [])
       for lanes in (2, 4, 8) for case in MODULES
       if lanes == 2 or not case.endswith("pause=0")]


@pytest.mark.parametrize("case, lanes", ALL)
def test_pcie_front(case, lanes):
    run(made(PcieFront, lanes), MODULES[case], case, parameters={"lanes": lanes})
