"""FrameParser and FrameBuilder, case by case of sim/tb_frames.py."""

import pytest

from tritone.rtl.frames import FrameBuilder, FrameParser
from tritone.sim.runner import cases, run

GAP_CLOCKS = 60  # more than the idle clocks that a source makes


@pytest.mark.parametrize("case", cases("tb_frames"))
def test_frames(case):
    component = FrameBuilder() if "frames_are_built" in case \
        else FrameParser(gap_clocks=GAP_CLOCKS)
    run(component, "tb_frames", case, parameters={"gap_clocks": GAP_CLOCKS})
