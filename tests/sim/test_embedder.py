"""Embedder, case by case of sim/tb_embedder.py."""

import pytest

from tritone.rtl.embedder import Embedder
from tritone.sim.bench import machine
from tritone.sim.runner import cases, made, run

MACHINES = [pytest.param({"preset": "tiny", "changes": {}}, id="vector=1"),
            pytest.param({"preset": "virtual", "changes": {"max_hidden": 40}}, id="vector=2"),
            pytest.param({"preset": "virtual", "changes": {
                "inputs": 40, "vector": 4, "max_hidden": 40}}, id="vector=4"),
            pytest.param({"preset": "virtual", "changes": {
                "max_hidden": 40, "formats": "compact"}}, id="compact-vector=2")]


@pytest.mark.parametrize("parameters", MACHINES)
@pytest.mark.parametrize("case", cases("tb_embedder"))
def test_embedder(case, parameters):
    run(made(Embedder, machine(parameters)), "tb_embedder", case, parameters=parameters)
