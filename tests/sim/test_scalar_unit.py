"""ScalarUnit, case by case of sim/tb_scalar_unit.py."""

import pytest

from tritone.rtl.scalar_unit import ScalarUnit
from tritone.sim.bench import machine
from tritone.sim.runner import cases, run


def check(case, changes):
    parameters = {"preset": "tiny", "changes": changes}  # only the formats matter
    run(ScalarUnit(machine(parameters)), "tb_scalar_unit", case, parameters=parameters)


@pytest.mark.parametrize("case", cases("tb_scalar_unit"))
def test_scalar_unit(case):
    check(case, {})


@pytest.mark.parametrize("case", ["scalars_match/idle=0/stall=0",
                                  "clocks_do_not_depend_on_the_operands"])
def test_scalar_unit_in_compact_formats(case):
    check(case, {"formats": "compact"})


@pytest.mark.parametrize("pace", [2, 3])
def test_scalar_unit_of_several_bits_a_clock(pace):
    check("scalars_match/idle=0/stall=0", {"formats": "compact", "scalar_pace": pace})


def test_clocks_of_three_bits_a_clock():
    check("clocks_do_not_depend_on_the_operands", {"formats": "compact", "scalar_pace": 3})
