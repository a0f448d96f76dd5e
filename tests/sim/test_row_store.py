"""RowStore, case by case of sim/tb_row_store.py."""

import pytest
from tritone.rtl.row_store import RowStore
from tritone.sim.runner import cases, run
from tritone.sim.tb_row_store import contents

# One block; two and five banks, with one and five bits beside them.
SHAPES = [pytest.param(4, 37, id="one-block"), pytest.param(10, 2500, id="two-banks"),
          pytest.param(14, 9000, id="five-banks")]


@pytest.mark.parametrize(("width", "depth"), SHAPES)
@pytest.mark.parametrize("case", cases("tb_row_store"))
def test_row_store(case, width, depth):
    run(RowStore(width, contents(width, depth)), "tb_row_store", case,
        parameters={"width": width, "depth": depth})
