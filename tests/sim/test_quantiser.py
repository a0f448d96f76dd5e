import pytest

from tritone.common.config import preset
from tritone.rtl.quantiser import Quantiser
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"name": "tiny"}, id="vector=1"),
            pytest.param({"name": "wide", "max_inner": 64, "max_hidden": 64}, id="vector=2"),
            pytest.param({"name": "wide", "inputs": 15, "rows": 32, "vector": 3, "max_inner": 90,
                          "max_hidden": 30}, id="vector=3")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_quantiser"))
def test_quantiser(case, machine):
    run(Quantiser(preset(**machine)), "tb_quantiser", case, parameters=machine)
