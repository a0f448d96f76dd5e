"""TapeDecoder, case by case of sim/tb_tape_decoder.py."""

import pytest

from tritone.rtl.tape_decoder import TapeDecoder
from tritone.sim.bench import machine
from tritone.sim.runner import cases, run

MACHINES = [
    pytest.param({"preset": "tiny", "changes": {}}, id="64-bits"),
    pytest.param({"preset": "virtual", "changes": {"max_hidden": 40}}, id="128-bits-vector=2"),
    pytest.param({"preset": "tiny", "changes": {"formats": "compact"}}, id="compact-64-bits")]


@pytest.mark.parametrize("parameters", MACHINES)
@pytest.mark.parametrize("case", cases("tb_tape_decoder"))
def test_tape_decoder(case, parameters):
    run(TapeDecoder(machine(parameters)), "tb_tape_decoder", case, parameters=parameters)
