"""PacketStore, case by case of sim/tb_packet_store.py."""

import pytest

from tritone.rtl.packet_store import PacketStore
from tritone.sim.runner import cases, run
from tritone.sim.tb_packet_store import HEADER


@pytest.mark.parametrize("lanes", [2, pytest.param(8, marks=pytest.mark.other_width)])
@pytest.mark.parametrize("case", cases("tb_packet_store"))
def test_packet_store(case, lanes):
    run(PacketStore(lanes, HEADER), "tb_packet_store", case, parameters={"lanes": lanes})
