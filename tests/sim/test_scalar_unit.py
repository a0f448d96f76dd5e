import pytest

from tritone.common.config import preset
from tritone.rtl.scalar_unit import ScalarUnit
from tritone.sim.runner import cases, run


@pytest.mark.parametrize("case", cases("tb_scalar_unit"))
def test_scalar_unit(case):
    machine = {"name": "tiny"}  # the same for every machine
    run(ScalarUnit(preset(**machine)), "tb_scalar_unit", case, parameters=machine)
