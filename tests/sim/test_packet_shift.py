"""PacketJoiner and PacketSplitter, case by case of sim/tb_packet_shift.py."""

import pytest

from tritone.rtl.packet_shift import PacketJoiner, PacketSplitter
from tritone.sim.runner import cases, run
from tritone.sim.tb_packet_shift import SIDE


OTHER = pytest.mark.other_width
ALL = [pytest.param(case, lanes, marks=[OTHER] if lanes != 2 else [])
       for lanes in (2, 4, 8) for case in cases("tb_packet_shift")
       if lanes == 2 or "idle=0/" not in case and "stall=0" != case[-7:]]


@pytest.mark.parametrize("words", [3, 4])
@pytest.mark.parametrize("case, lanes", ALL)
def test_packet_shift(case, words, lanes):
    kind = PacketSplitter if "taken_off" in case or "split" in case else PacketJoiner
    run(kind(lanes, words, SIDE), "tb_packet_shift", case,
        parameters={"lanes": lanes, "words": words})
