"""PcieFront, case by case of sim/tb_pcie_front.py."""

import pytest

from tritone.sim.pcie_front import PcieFront
from tritone.sim.runner import cases, made, run

OTHER = pytest.mark.other_width
ALL = [pytest.param(case, lanes, marks=[OTHER] if lanes != 2 else [])
       for lanes in (2, 4, 8) for case in cases("tb_pcie_front")
       if lanes == 2 or not case.endswith("pause=0")]


@pytest.mark.parametrize("case, lanes", ALL)
def test_pcie_front(case, lanes):
    run(made(PcieFront, lanes), "tb_pcie_front", case, parameters={"lanes": lanes})
