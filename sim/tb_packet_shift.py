"""PacketJoiner and PacketSplitter against dwords in lists."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from ..rtl.packet_shift import front_layout, line_layout, piece_layout
from ..rtl.pcie_interfaces import beat_layout
from .elementwise import Clocks
from .packets import dwords_of, line, natural
from .streams import StreamSink, StreamSource, parameters, start

SIDE = 8  # bits


def some_packets(seed, lanes, words, counts):
    """(header dwords, first lane, dwords, side) with random contents."""
    generator = random.Random(seed)
    packets = []
    for count in counts:
        first = generator.randrange(lanes)
        header = [generator.getrandbits(32) for _ in range(words)]
        header[0] = header[0] & ~(4 * lanes - 4) | first << 2
        packets.append((header, first, [generator.getrandbits(32) for _ in range(count)],
                        generator.getrandbits(SIDE)))
    return packets


def mixed(seed, most):
    """Counts of dwords: all the short ones at all lanes, and none in between."""
    generator = random.Random(seed)
    return [0, 0] + [count for _ in range(8) for count in range(20)] + \
        [generator.choice([0, 1, 2, 3, 63, 64, 65, most]) for _ in range(60)]


class Joiner:
    """Between sources of headers and beats and a sink."""

    def __init__(self, dut, idle=0, stall=0):
        self.lanes, self.words = parameters()["lanes"], parameters()["words"]
        layout = line_layout(self.lanes, SIDE)
        self.random = random.Random(7)
        self.headers = StreamSource(dut, "headers", front_layout(self.lanes, self.words, SIDE),
                                    idle=idle)
        self.beats = StreamSource(dut, "beats", beat_layout(self.lanes), idle=idle)
        self.sink = StreamSink(dut, "o", layout, stall=stall)

    def send(self, header, first, dwords, side):
        self.headers.send({"words": header, "side": side, "first": first, "dwords": len(dwords)})
        if dwords:
            self.beats.send(*natural(self.random, self.lanes, first, dwords))

    async def expect(self, header, first, dwords, side):
        whole = header + dwords
        for n in range(0, len(whole), self.lanes):
            beat, part = await self.sink.recv(), whole[n:n + self.lanes]
            assert beat["dwords"][:len(part)] == part
            assert beat["keep"] == (1 << len(part)) - 1
            assert beat["last"] == (n + self.lanes >= len(whole))
            assert beat["side"] == (side if n == 0 else 0)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def headers_are_put_in_front(dut, idle, stall):
    await start(dut)
    joiner = Joiner(dut, idle, stall)
    packets = some_packets(1, joiner.lanes, joiner.words, mixed(2, 256))
    for packet in packets:
        joiner.send(*packet)
    for packet in packets:
        await joiner.expect(*packet)
    await joiner.sink.quiet(20)


@cocotb.test
async def joined_packets_follow_each_other(dut):
    """As many clocks as the dwords need, on either side, from the first beat to the last."""
    await start(dut)
    joiner, out = Joiner(dut), Clocks(dut, "o")
    lanes, words = joiner.lanes, joiner.words
    packets = [p for p in some_packets(3, lanes, words, [64] * 40 + [1, 5, 16, 0, 17, 0, 3] * 10)
               if p[1] <= words]
    for packet in packets:
        joiner.send(*packet)
    for packet in packets:
        await joiner.expect(*packet)
    beats = sum(-(-(words + len(dwords)) // lanes) for _, _, dwords, _ in packets)
    extra = sum(max(0, -(-(first + len(dwords)) // lanes) - -(-(words + len(dwords)) // lanes))
                for _, first, dwords, _ in packets)
    assert out.passed[-1] - out.passed[0] + 1 <= beats + extra
    assert len(out.passed) == beats


@cocotb.test
async def a_packet_begins_when_it_can_go_on(dut):
    """No beat of it comes before its data do, and none is held up once they do."""
    await start(dut)
    joiner, out = Joiner(dut), Clocks(dut, "o")
    for first in range(joiner.lanes):
        header, _, dwords, side = some_packets(first, joiner.lanes, joiner.words, [24])[0]
        joiner.headers.send({"words": header, "side": side, "first": first, "dwords": 24})
        await ClockCycles(dut.clk, 20)
        assert not out.passed
        joiner.beats.send(*natural(joiner.random, joiner.lanes, first, dwords))
        await joiner.expect(header, first, dwords, side)
        assert out.passed == list(range(out.passed[0], out.passed[0] + len(out.passed)))
        out.passed.clear()


class Splitter:
    """Between a source and a sink."""

    def __init__(self, dut, idle=0, stall=0):
        self.lanes, self.words = parameters()["lanes"], parameters()["words"]
        self.random = random.Random(8)
        self.source = StreamSource(dut, "i", line_layout(self.lanes, SIDE), idle=idle)
        self.sink = StreamSink(dut, "o", piece_layout(self.lanes, self.words, SIDE), stall=stall)

    def send(self, header, first, dwords, side):
        """`side` comes with the first beat, its complement with the last."""
        sides = side, self.random.getrandbits(SIDE), side ^ 0xFF
        self.source.send(*line(self.random, self.lanes, header + dwords, sides))

    async def expect(self, header, first, dwords, side):
        pieces = await self.sink.take(-(-(first + len(dwords)) // self.lanes) if dwords else 1)
        one = len(header + dwords) <= self.lanes
        assert pieces[-1]["last"] and pieces[-1]["final"] == (side if one else side ^ 0xFF)
        assert all(p["words"] == header and p["first"] == side for p in pieces)
        assert all(p["data"] == bool(dwords) for p in pieces)
        if dwords:
            assert dwords_of(pieces, first, len(dwords)) == dwords


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def headers_are_taken_off(dut, idle, stall):
    await start(dut)
    splitter = Splitter(dut, idle, stall)
    packets = some_packets(4, splitter.lanes, splitter.words, mixed(5, 256))
    for packet in packets:
        splitter.send(*packet)
    for packet in packets:
        await splitter.expect(*packet)
    await splitter.sink.quiet(20)


@cocotb.test
async def split_packets_follow_each_other(dut):
    """A clock for each beat, or each piece where these are more; and one where the piece that a
    packet left behind meets one of the next packet's first beat."""
    await start(dut)
    splitter, into = Splitter(dut), Clocks(dut, "i")
    lanes, words = splitter.lanes, splitter.words
    packets = some_packets(6, lanes, words, [64] * 40 + [1, 5, 16, 0, 17, 0, 3] * 10)
    for packet in packets:
        splitter.send(*packet)
    for packet in packets:
        await splitter.expect(*packet)
    needed = sum(max(-(-(words + len(dwords)) // lanes), -(-(first + len(dwords)) // lanes))
                 for _, first, dwords, _ in packets)
    meets = sum(words <= lanes and (not dwords or first > words)
                for _, first, dwords, _ in packets)
    assert into.passed[-1] - into.passed[0] + 1 <= needed + meets
