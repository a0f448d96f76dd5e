"""PacketStore against a list of packets."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from ..common.pcie import PAGE
from ..rtl.packet_store import PacketStore, stored_layout
from .elementwise import Clocks
from .packets import PacketSink
from .streams import StreamSource, parameters, start

HEADER = 12  # bits; the lowest says whether the packet has beats when it leaves


def has_beats(header):
    return header & 1


class Bench:
    """A store between a source and a sink, and what it must give."""

    def __init__(self, dut, *, idle=0, stall=0):
        self.lanes = parameters()["lanes"]
        self.random = random.Random(1)
        self.source = StreamSource(dut, "i", stored_layout(self.lanes, HEADER), idle=idle)
        self.sink = PacketSink(dut, "o", HEADER, self.lanes, has_beats, stall=stall)
        self.expected = []

    def send(self, count, *, empty=False, drop=False):
        """A packet of `count` beats."""
        some = self.random.getrandbits
        header = some(HEADER - 1) << 1 | (count > 0 and not empty)
        beats = [[some(32) for _ in range(self.lanes)] for _ in range(count)]
        for n, dwords in enumerate(beats or [[some(32) for _ in range(self.lanes)]]):
            last = n == max(count, 1) - 1
            self.source.send({
                "dwords": dwords, "data": int(count > 0), "last": int(last),
                "header": header if last else some(HEADER),
                "empty": int(empty if last else some(1)), "drop": int(drop if last else some(1))})
        if not drop:
            self.expected.append((header, [] if empty else [
                {"dwords": d, "last": int(n == count - 1)} for n, d in enumerate(beats)]))

    async def check(self):
        for packet in self.expected:
            assert await self.sink.recv() == packet
        self.expected.clear()
        await self.sink.quiet(20)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5, 0.9])
async def packets_leave_whole(dut, idle, stall):
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall)
    for _ in range(300):
        kind = bench.random.random()
        bench.send(bench.random.choice([0, 0, 1, 1, 2, 3, 8, 33]), empty=kind < 0.15,
                   drop=0.1 < kind < 0.3)
    await bench.check()


@cocotb.test
async def the_longest_packet_has_room(dut):
    """And one after it; nothing of a packet is seen before its last beat."""
    await start(dut)
    bench = Bench(dut)
    longest = PAGE // (4 * bench.lanes)
    into, headers = Clocks(dut, "i"), Clocks(dut, "o__headers")
    for drop in (False, True, False):
        bench.send(longest, drop=drop)
        bench.send(1)
    await bench.check()
    ends = [longest, longest + 1, 2 * longest + 2, 3 * longest + 2, 3 * longest + 3]
    assert [after - into.passed[n - 1] for after, n in zip(headers.passed, ends)] == [2] * 5


@cocotb.test
async def packets_follow_each_other(dut):
    await start(dut)
    bench = Bench(dut)
    into, out = Clocks(dut, "i"), Clocks(dut, "o__beats")
    for _ in range(40):
        bench.send(32)
    await bench.check()
    assert into.passed[-1] - into.passed[0] == 40 * 32 - 1
    assert out.passed[-1] - out.passed[0] == 40 * 32 - 1


@cocotb.test
@cocotb.parametrize(end=["headers", "beats"])
async def what_has_no_room_waits(dut, end):
    """First for headers, then for beats: one end of the sink stands for a long time."""
    await start(dut)
    bench = Bench(dut)
    getattr(bench.sink, end).set_pause(iter([True] * 2500 + [False] * 100_000))
    for _ in range(PacketStore.HEADERS):
        bench.send(0)
    await bench.source.drained()
    for _ in range(8):
        bench.send(100)
    bench.send(PAGE // (4 * bench.lanes))
    await ClockCycles(dut.clk, 2600)
    await bench.check()
