"""ScalarUnit, case by case of sim/tb_scalar_unit.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.scalar_unit import ScalarUnit
from tritone.sim.runner import cases, run


@pytest.mark.parametrize("case", cases("tb_scalar_unit"))
def test_scalar_unit(case):
    machine = {"preset": "tiny", "changes": {}}  # the same for every machine
    config = preset(machine["preset"], **machine["changes"])
    run(ScalarUnit(config), "tb_scalar_unit", case, parameters=machine)
