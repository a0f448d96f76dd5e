"""WideSampler, case by case of sim/tb_wide_sampler.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.wide_sampler import WideSampler
from tritone.sim.runner import cases, made, run

CHANGES = {"rows": 4, "inputs": 16, "vector": 4}


@pytest.mark.parametrize("case", cases("tb_wide_sampler"))
def test_wide_sampler(case):
    run(made(WideSampler, preset("resident", **CHANGES), 63), "tb_wide_sampler", case,
        parameters={"preset": "resident", "changes": CHANGES, "vocabulary": 63})
