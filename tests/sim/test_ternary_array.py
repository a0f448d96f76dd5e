"""TernaryArray, case by case of sim/tb_ternary_array.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.ternary_array import TernaryArray
from tritone.sim.runner import cases, run

# preset, changes to it, columns
MACHINES = [
    pytest.param("virtual", {}, 1, id="vector1"),
    pytest.param("wide", {}, 1, id="vector2"),
    pytest.param("wide", {"max_inner": 640}, 2, id="columns2"),
    pytest.param("tiny", {"rows": 2, "inputs": 20, "vector": 2}, 1, id="one_beat_groups"),
]


@pytest.mark.parametrize(("name", "changes", "columns"), MACHINES)
@pytest.mark.parametrize("case", cases("tb_ternary_array"))
def test_ternary_array(case, name, changes, columns):
    run(TernaryArray(preset(name, **changes), columns=columns), "tb_ternary_array", case,
        parameters={"preset": name, "changes": changes, "columns": columns})
