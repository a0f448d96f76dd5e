"""Silu, case by case of sim/tb_silu.py."""

import pytest

from tritone.rtl.silu import Silu
from tritone.sim.elementwise import machine
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"preset": "narrow"}, id="vector=1"),
           pytest.param({"preset": "virtual"}, id="vector=2"),
           pytest.param({"preset": "narrow", "formats": "compact"}, id="compact"),
           pytest.param({"preset": "narrow", "formats": "resident"}, id="resident")]


@pytest.mark.parametrize("sizes", MACHINES)
@pytest.mark.parametrize("case", cases("tb_silu"))
def test_silu(case, sizes):
    run(Silu(machine(**sizes)), "tb_silu", case, parameters=sizes)
