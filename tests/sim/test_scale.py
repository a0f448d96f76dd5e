"""Scale, case by case of sim/tb_scale.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.scale import Scale
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "virtual"}, id="vector=1"),
           pytest.param({"name": "wide"}, id="vector=2")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_scale"))
def test_scale(case, machine):
    run(Scale(preset(**machine)), "tb_scale", case, parameters=machine)
