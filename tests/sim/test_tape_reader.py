"""TapeReader, case by case of sim/tb_tape_reader.py."""

import pytest

from tritone.rtl.tape_reader import TapeReader
from tritone.sim.bench import machine
from tritone.sim.runner import cases, made, run

SMALL = {"memory_words": 1000, "memory_rate": 1, "memory_latency": 5}
MACHINES = [
    pytest.param({"preset": "tiny", "changes": SMALL | {"prefetch_words": 64}}, id="64-words"),
    pytest.param({"preset": "virtual",
                  "changes": SMALL | {"prefetch_words": 21, "burst_words": 10}}, id="21-words")]


@pytest.mark.parametrize("parameters", MACHINES)
@pytest.mark.parametrize("case", cases("tb_tape_reader"))
def test_tape_reader(case, parameters):
    run(made(TapeReader, machine(parameters)), "tb_tape_reader", case, parameters=parameters)
