"""RequestArbiter, case by case of sim/tb_pcie_arbiter.py."""

import pytest

from tritone.rtl.pcie_arbiter import RequestArbiter
from tritone.sim.runner import cases, run


@pytest.mark.parametrize("case", cases("tb_pcie_arbiter"))
def test_pcie_arbiter(case):
    run(RequestArbiter(2), "tb_pcie_arbiter", case, parameters={"lanes": 2})
