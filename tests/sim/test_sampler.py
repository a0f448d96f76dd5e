"""Sampler, case by case of sim/tb_sampler.py."""

import pytest

from tritone.common.config import preset
from tritone.rtl.sampler import Sampler
from tritone.sim.runner import cases, made, run


@pytest.mark.parametrize("name", ["narrow", "virtual"])
@pytest.mark.parametrize("case", cases("tb_sampler"))
def test_sampler(case, name):
    run(made(Sampler, preset(name)), "tb_sampler", case, parameters={"preset": name})
