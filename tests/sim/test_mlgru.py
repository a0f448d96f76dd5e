"""Mlgru, case by case of sim/tb_mlgru.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.mlgru import Mlgru
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "virtual"}, id="vector=1"),
           pytest.param({"name": "wide"}, id="vector=2")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_mlgru"))
def test_mlgru(case, machine):
    run(Mlgru(preset(**machine)), "tb_mlgru", case, parameters=machine)
