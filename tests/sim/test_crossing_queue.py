"""CrossingQueue, case by case of sim/tb_crossing_queue.py."""

import pytest

from tritone.rtl.crossing_queue import CrossingQueue, checked
from tritone.sim.runner import cases, run


@pytest.mark.parametrize("case", cases("tb_crossing_queue"))
def test_crossing_queue(case):
    run(CrossingQueue(16, 32, i_domain="sync", o_domain="mem"), "tb_crossing_queue", case)


@pytest.mark.parametrize("depth", [0, 2, 12])
def test_a_depth_that_does_not_work_is_refused(depth):
    with pytest.raises(ValueError, match="a power of two from 4 on"):
        checked(depth)
