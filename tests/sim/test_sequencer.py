"""Sequencer, case by case of sim/tb_sequencer.py."""

import pytest

from tritone.rtl.sequencer import Sequencer
from tritone.sim.bench import machine
from tritone.sim.runner import cases, run

MACHINES = [pytest.param({"preset": "tiny", "changes": {}}, id="32-bits"),
            pytest.param({"preset": "wide", "changes": {"max_layers": 8}}, id="128-bits")]


@pytest.mark.parametrize("parameters", MACHINES)
@pytest.mark.parametrize("case", cases("tb_sequencer"))
def test_sequencer(case, parameters):
    run(Sequencer(machine(parameters)), "tb_sequencer", case, parameters=parameters)
