"""Results, case by case of sim/tb_results.py."""

import pytest

from tritone.rtl.results import Results
from tritone.sim.bench import machine
from tritone.sim.runner import cases, made, run

SMALL = {"max_hidden": 40, "max_inner": 80, "max_layers": 4}
MACHINES = [pytest.param({"preset": "tiny", "changes": SMALL}, id="vector=1"),
            pytest.param({"preset": "virtual", "changes": SMALL}, id="vector=2")]
COMPACT = {"preset": "tiny", "changes": SMALL | {"formats": "compact"}}
# The sum of squares takes longer than the product; few beats, so that they meet their writes.
LARGE = {"preset": "virtual", "changes": SMALL | {"inputs": 40, "vector": 8,
                                                  "formats": "compact"}}


@pytest.mark.parametrize("parameters", MACHINES)
@pytest.mark.parametrize("case", cases("tb_results"))
def test_results(case, parameters):
    run(made(Results, machine(parameters)), "tb_results", case, parameters=parameters)


@pytest.mark.parametrize("case", [c for c in cases("tb_results")
                                  if c.endswith(("match", "predicted/beats=5", "/stall=0.8"))])
def test_compact_results(case):
    run(Results(machine(COMPACT)), "tb_results", case, parameters=COMPACT)


@pytest.mark.parametrize("case", [c for c in cases("tb_results")
                                  if "clocks" in c or c.endswith("/idle=0.5/stall=0.5")])
def test_wide_results(case):
    run(Results(machine(LARGE)), "tb_results", case, parameters=LARGE)
