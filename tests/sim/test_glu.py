"""Glu, case by case of sim/tb_glu.py."""

import pytest

from tritone.rtl.glu import Glu
from tritone.sim.elementwise import machine
from tritone.sim.runner import cases, made, run

MACHINES = [pytest.param({"preset": "narrow"}, id="vector=1"),
           pytest.param({"preset": "virtual"}, id="vector=2"),
           pytest.param({"preset": "narrow", "formats": "compact"}, id="compact"),
           pytest.param({"preset": "narrow", "formats": "resident"}, id="resident")]
# The adder tree is longer than the multiplier.
LARGE = {"preset": "virtual", "inputs": 40, "vector": 8}


@pytest.mark.parametrize("sizes", MACHINES)
@pytest.mark.parametrize("case", cases("tb_glu"))
def test_glu(case, sizes):
    run(made(Glu, machine(**sizes)), "tb_glu", case, parameters=sizes)


@pytest.mark.parametrize("case", [c for c in cases("tb_glu") if "energy_is" in c])
def test_energy_of_wide_vectors(case):
    run(Glu(machine(**LARGE)), "tb_glu", case, parameters=LARGE)
