"""TernaryArray, case by case of sim/tb_ternary_array.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.ternary_array import TernaryArray
from tritone.sim.runner import cases, made, run

MACHINES = {  # preset, changes to it, columns
    "vector1": ("narrow", {}, 1),
    "vector2": ("virtual", {}, 1),
    "columns2": ("virtual", {"max_inner": 640}, 2),
    "one_beat_groups": ("tiny", {"rows": 2, "inputs": 20, "vector": 2, "max_inner": 160,
                                 "formats": "compact"}, 1),
}
CASES = [(case, machine) for case in cases("tb_ternary_array") for machine in MACHINES
         if machine.startswith("vector") or case.startswith(("sums", "groups"))]


@pytest.mark.parametrize(("case", "machine"), CASES)
def test_ternary_array(case, machine):
    name, changes, columns = MACHINES[machine]
    run(made(TernaryArray, preset(name, **changes), columns=columns), "tb_ternary_array", case,
        parameters={"preset": name, "changes": changes, "columns": columns})
