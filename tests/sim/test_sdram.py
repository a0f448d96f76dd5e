"""The SDRAM controller with two chips, case by case of sim/tb_sdram.py; tests/sdram has more."""

import pytest
from sdram_machines import component, name, settings

from tritone.sim.runner import cases, run

CASES = [case for case in cases("tb_sdram") if "idle=0.7" not in case]
MACHINES = [
    settings("AS4C32M16SB-7", 133_000_000, 3, hz=80_000_000, operations=60),
    settings("2xW9816G6JH-6", 100_000_000, 2, operations=60),
]


@pytest.mark.parametrize("parameters", MACHINES, ids=name)
@pytest.mark.parametrize("case", CASES)
def test_sdram(case, parameters):
    run(component(parameters), "tb_sdram", case, parameters=parameters)
