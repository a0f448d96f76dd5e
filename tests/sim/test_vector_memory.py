"""VectorMemory, case by case of sim/tb_vector_memory.py."""

import pytest

from tritone.rtl.vector_memory import VectorMemory
from tritone.sim.runner import cases, run

MEMORIES = [
    pytest.param({"depth": 64, "bits": 36, "vector": 1, "track": True}, id="residual"),
    pytest.param({"depth": 5, "bits": 32, "vector": 2, "track": True}, id="two-wide"),
    pytest.param({"depth": 24, "bits": 24, "vector": 4, "track": False}, id="untracked")]


@pytest.mark.parametrize("parameters", MEMORIES)
@pytest.mark.parametrize("case", cases("tb_vector_memory"))
def test_vector_memory(case, parameters):
    run(VectorMemory(**parameters), "tb_vector_memory", case, parameters=parameters)
