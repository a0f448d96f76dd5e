"""Mlgru, case by case of sim/tb_mlgru.py."""

import pytest

from tritone.rtl.mlgru import Mlgru
from tritone.sim.elementwise import machine
from tritone.sim.runner import cases, made, run

MACHINES = [pytest.param({"preset": "narrow"}, id="vector=1"),
           pytest.param({"preset": "virtual"}, id="vector=2"),
           pytest.param({"preset": "narrow", "formats": "compact"}, id="compact"),
           pytest.param({"preset": "narrow", "formats": "resident"}, id="resident")]


@pytest.mark.parametrize("sizes", MACHINES)
@pytest.mark.parametrize("case", cases("tb_mlgru"))
def test_mlgru(case, sizes):
    run(made(Mlgru, machine(**sizes)), "tb_mlgru", case, parameters=sizes)
