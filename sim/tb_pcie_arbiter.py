"""RequestArbiter: whole packets, in turn, none lost."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from ..rtl.pcie_interfaces import request_layout
from .elementwise import Clocks
from .packets import PacketSink, PacketSource
from .streams import parameters, start


def some_packets(sender, count, writes=0.5):
    """Packets whose tags are the sender's: (header, beats)."""
    generator, lanes = random.Random(sender), parameters()["lanes"]
    packets = []
    for n in range(count):
        write, beats = int(generator.random() < writes), generator.choice([1, 1, 2, 3, 8])
        header = {"write": write, "address": generator.getrandbits(64), "dwords": n,
                  "first_be": 15, "last_be": 15, "tag": sender}
        packets.append((header, [
            {"dwords": [generator.getrandbits(32) for _ in range(lanes)],
             "last": int(b == beats - 1)} for b in range(beats)] if write else []))
    return packets


class Bench:
    """Two sources and a sink."""

    def __init__(self, dut, *, idle=0, stall=0):
        lanes = parameters()["lanes"]
        self.sources = [PacketSource(dut, f"i__{n}", request_layout, lanes, idle=idle, pause=idle)
                        for n in range(2)]
        self.sink = PacketSink(dut, "o", request_layout, lanes, lambda h: h["write"], stall=stall)

    def send(self, sender, packets):
        for packet in packets:
            self.sources[sender].send(*packet)

    async def recv(self, count):
        """`count` packets, those of each sender apart, and the order of the senders."""
        apart, order = ([], []), []
        for _ in range(count):
            header, beats = await self.sink.recv()
            apart[header["tag"]].append((header, beats))
            order.append(header["tag"])
        return apart, order


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5, 0.9], stall=[0, 0.5])
async def packets_stay_whole_and_in_order(dut, idle, stall):
    await start(dut)
    bench, sent = Bench(dut, idle=idle, stall=stall), [some_packets(n, 150) for n in range(2)]
    for sender in range(2):
        bench.send(sender, sent[sender])
    apart, order = await bench.recv(300)
    assert list(apart) == sent
    await bench.sink.quiet(20)
    if not idle:  # both always have one
        assert all(a != b for a, b in zip(order[2:200], order[3:201]))


@cocotb.test
@cocotb.parametrize(sender=[0, 1])
async def packets_of_one_sender_follow_each_other(dut, sender):
    """A clock a beat: the next header passes with the last beat."""
    await start(dut)
    bench, packets = Bench(dut), some_packets(sender, 60, writes=1)
    headers, beats = Clocks(dut, "o__headers"), Clocks(dut, "o__beats")
    source = bench.sources[sender]
    source.headers.send(*(header for header, _ in packets))  # both wait, whatever comes first
    source.beats.send(*(beat for _, part in packets for beat in part))
    apart, _ = await bench.recv(60)
    assert apart[sender] == packets
    assert beats.passed[-1] - beats.passed[0] + 1 == len(beats.passed)
    assert headers.passed[1:] == [beats.passed[sum(len(p) for _, p in packets[:n]) - 1]
                                  for n in range(1, 60)]


@cocotb.test
async def a_header_that_waits_stays(dut):
    """Though the other sender, whose turn it is, comes with one."""
    await start(dut)
    bench = Bench(dut)
    packets = [some_packets(n, 4, writes=0) for n in range(2)]
    for first in (0, 1, 1, 0):
        bench.sink.headers.set_pause(iter([True] * 30 + [False] * 1000))
        await ClockCycles(dut.clk, 3)
        bench.send(first, packets[first][:1])
        await ClockCycles(dut.clk, 10)
        bench.send(1 - first, packets[1 - first][:1])
        _, order = await bench.recv(2)
        assert order == [first, 1 - first]
