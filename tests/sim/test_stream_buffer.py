"""StreamBuffer, case by case of sim/tb_stream_buffer.py."""

import pytest

from tritone.rtl.stream_buffer import StreamBuffer
from tritone.sim.runner import cases, run


@pytest.mark.parametrize("case", cases("tb_stream_buffer"))
def test_stream_buffer(case):
    run(StreamBuffer(16), "tb_stream_buffer", case)
