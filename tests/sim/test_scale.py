"""Scale, case by case of sim/tb_scale.py."""

import pytest

from tritone.rtl.scale import Scale
from tritone.sim.elementwise import machine
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"preset": "narrow"}, id="vector=1"),
           pytest.param({"preset": "virtual"}, id="vector=2"),
           pytest.param({"preset": "narrow", "formats": "compact"}, id="compact"),
           pytest.param({"preset": "narrow", "formats": "resident"}, id="resident")]


@pytest.mark.parametrize("sizes", MACHINES)
@pytest.mark.parametrize("case", cases("tb_scale"))
def test_scale(case, sizes):
    run(Scale(machine(**sizes)), "tb_scale", case, parameters=sizes)
