"""Normaliser, case by case of sim/tb_normaliser.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.normaliser import Normaliser
from tritone.sim.runner import cases, made, run

MACHINES = [pytest.param({"preset": "tiny", "changes": {}}, id="vector=1"),
            pytest.param({"preset": "virtual", "changes": {}}, id="vector=2")]
SMALL = {"max_inner": 64, "max_hidden": 64}
OTHERS = [pytest.param({"preset": "virtual", "changes": SMALL | {"inputs": 40, "vector": 4}},
                       id="vector=4"),  # trees of two levels
          pytest.param({"preset": "virtual", "changes": SMALL | {"formats": "compact"}},
                       id="compact"),
          pytest.param({"preset": "virtual", "changes": SMALL | {"formats": "resident"}},
                       id="resident")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("case", cases("tb_normaliser"))
def test_normaliser(case, machine):
    config = preset(machine["preset"], **machine["changes"])
    run(made(Normaliser, config), "tb_normaliser", case, parameters=machine)


@pytest.mark.parametrize("machine", OTHERS)
@pytest.mark.parametrize("case", ["norms_match/idle=0.4/stall=0.5", "clocks_are_as_promised"])
def test_normaliser_of_another_size(case, machine):
    config = preset(machine["preset"], **machine["changes"])
    run(made(Normaliser, config), "tb_normaliser", case, parameters=machine)
