"""Glu, case by case of sim/tb_glu.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.glu import Glu
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "virtual"}, id="vector=1"),
           pytest.param({"name": "wide"}, id="vector=2")]
# The adder tree is longer than the multiplier.
LARGE = {"name": "wide", "inputs": 40, "vector": 8}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_glu"))
def test_glu(case, machine):
    run(Glu(preset(**machine)), "tb_glu", case, parameters=machine)


@pytest.mark.parametrize("case", [c for c in cases("tb_glu") if "energy_is" in c])
def test_energy_of_wide_vectors(case):
    run(Glu(preset(**LARGE)), "tb_glu", case, parameters=LARGE)
