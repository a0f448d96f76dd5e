"""Quantiser, case by case of sim/tb_quantiser.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.quantiser import Quantiser
from tritone.sim.runner import cases, made, run

SMALL = {"max_inner": 64, "max_hidden": 64}
MACHINES = [pytest.param({"preset": "tiny", "changes": {}}, id="vector=1"),
            pytest.param({"preset": "virtual", "changes": SMALL}, id="vector=2")]
OTHERS = [pytest.param({"preset": "virtual", "changes": {
              "inputs": 15, "rows": 24, "vector": 3, "max_inner": 90, "max_hidden": 30}},
              id="vector=3"),  # banks whose size is no power of two
          pytest.param({"preset": "virtual", "changes": SMALL | {"formats": "compact"}},
                       id="compact"),
          pytest.param({"preset": "virtual", "changes": SMALL | {"formats": "resident"}},
                       id="resident")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_quantiser"))
def test_quantiser(case, machine):
    config = preset(machine["preset"], **machine["changes"])
    run(made(Quantiser, config), "tb_quantiser", case, parameters=machine)


@pytest.mark.parametrize("machine", OTHERS)
@pytest.mark.parametrize("case", ["codes_match/idle=0.4/stall=0.5", "a_whole_bank_is_used"])
def test_quantiser_of_another_size(case, machine):
    config = preset(machine["preset"], **machine["changes"])
    run(made(Quantiser, config), "tb_quantiser", case, parameters=machine)
