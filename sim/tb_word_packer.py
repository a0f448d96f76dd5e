"""WordPacker and WordUnpacker: transfers of every length, between beats and words."""

import random

import cocotb
from cocotb.triggers import RisingEdge

from ..rtl.pcie_interfaces import bytes_layout
from .elementwise import Clocks
from .streams import StreamSink, StreamSource, parameters, start

LENGTHS = (*range(1, 50), 64, 128, 255, 256, 257)


def beats(octets, size):
    """`octets` as values of bytes_layout(size); what lies above `used` is rubbish."""
    for at in range(0, len(octets), size):
        part = octets[at:at + size]
        rest = [0xA5] * (size - len(part))
        yield {"octets": [*part, *rest], "used": len(part), "last": int(at + size >= len(octets))}


def words(octets, size):
    """`octets` as little-endian words, the last filled up with zeros."""
    return [int.from_bytes(octets[at:at + size], "little") for at in range(0, len(octets), size)]


def transfers(count=None):
    source = random.Random(7)
    return [source.randbytes(length) for length in LENGTHS[:count]]


@cocotb.test
@cocotb.parametrize(idle=[0, 0.4], stall=[0, 0.4])
async def packs(dut, idle, stall):
    beat, word = parameters()["beat"], parameters()["word"]
    await start(dut)
    source = StreamSource(dut, "i", bytes_layout(beat), idle=idle)
    sink = StreamSink(dut, "o", stall=stall)
    entered, left = Clocks(dut, "i"), Clocks(dut, "o")
    for octets in transfers():
        source.send(*beats(octets, beat))
    for octets in transfers():
        expected = words(octets, word)
        await sink.expect([w | (n + 1 == len(expected)) << 8 * word
                           for n, w in enumerate(expected)])
    await sink.quiet(20)
    if not idle and not stall:
        clocks = (entered if word >= beat else left).passed
        assert clocks == list(range(clocks[0], clocks[-1] + 1))


@cocotb.test
@cocotb.parametrize(idle=[0, 0.4], stall=[0, 0.4])
async def unpacks(dut, idle, stall):
    beat, word = parameters()["beat"], parameters()["word"]
    await start(dut)
    source = StreamSource(dut, "i", idle=idle)
    sink, left = StreamSink(dut, "o", bytes_layout(beat), stall=stall), Clocks(dut, "o")
    for octets in transfers():
        dut.bytes.value, dut.start.value = len(octets), 1
        await RisingEdge(dut.clk)
        dut.start.value = 0
        source.send(*words(octets, word))
        begun = len(left.passed)
        for expected in beats(octets, beat):
            found = await sink.recv()
            used = expected["used"]
            assert found["octets"][:used] == expected["octets"][:used]
            assert (found["used"], found["last"]) == (used, expected["last"])
        if not idle and not stall and word >= beat:
            assert left.passed[-1] - left.passed[begun] == len(left.passed) - begun - 1
    await sink.quiet(20)
