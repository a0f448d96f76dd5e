import pytest

from tritone.common.config import preset
from tritone.rtl.quantiser import Quantiser
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "tiny"}, id="vector=1"),
            pytest.param({"name": "wide", "max_inner": 64, "max_hidden": 64}, id="vector=2")]
ODD = {"name": "wide", "inputs": 15, "rows": 32, "vector": 3, "max_inner": 90, "max_hidden": 30}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_quantiser"))
def test_quantiser(case, machine):
    run(Quantiser(preset(**machine)), "tb_quantiser", case, parameters=machine)


@pytest.mark.parametrize("case", ["codes_match/idle=0.4/stall=0.5", "a_whole_bank_is_used"])
def test_quantiser_vector_3(case):
    """Banks whose size is no power of two."""
    run(Quantiser(preset(**ODD)), "tb_quantiser", case, parameters=ODD)
