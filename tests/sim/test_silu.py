"""Silu, case by case of sim/tb_silu.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.silu import Silu
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "virtual"}, id="vector=1"),
           pytest.param({"name": "wide"}, id="vector=2")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_silu"))
def test_silu(case, machine):
    run(Silu(preset(**machine)), "tb_silu", case, parameters=machine)
