"""TableArray, case by case of sim/tb_table_array.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.table_array import TableArray
from tritone.sim.runner import cases, made, run

SMALL = {"array": "tables", "weights": "resident", "max_hidden": 32, "max_inner": 48}
MACHINES = {
    "one beat left": SMALL | {"rows": 4, "inputs": 16, "vector": 4},
    "two beats left": SMALL | {"rows": 4, "inputs": 16, "vector": 2},
    "serial": SMALL | {"rows": 2, "inputs": 6, "vector": 1, "max_hidden": 16, "max_inner": 18},
}
CASES = [(case, machine) for case in cases("tb_table_array") for machine in MACHINES
         if machine == "one beat left" or case.startswith(("sums_match/idle=0.4", "words"))]


@pytest.mark.parametrize(("case", "machine"), CASES)
def test_table_array(case, machine):
    run(made(TableArray, preset("narrow", **MACHINES[machine])), "tb_table_array", case,
        parameters={"preset": "narrow", "changes": MACHINES[machine]})
