import pytest

from tritone.common.config import preset
from tritone.rtl.normaliser import Normaliser
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "tiny"}, id="vector=1"),
            pytest.param({"name": "wide"}, id="vector=2")]
WIDE = {"name": "wide", "inputs": 40, "vector": 4, "max_inner": 64, "max_hidden": 64}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_normaliser"))
def test_normaliser(case, machine):
    run(Normaliser(preset(**machine)), "tb_normaliser", case, parameters=machine)


@pytest.mark.parametrize("case", ["norms_match/idle=0.4/stall=0.5", "clocks_are_as_promised"])
def test_normaliser_vector_4(case):
    """Trees of two levels."""
    run(Normaliser(preset(**WIDE)), "tb_normaliser", case, parameters=WIDE)
