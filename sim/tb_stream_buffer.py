"""StreamBuffer: order, latency, and how much it holds."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from .elementwise import Clocks
from .streams import StreamSink, StreamSource, start

WORDS, BITS = 300, 16


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def words_keep_their_order(dut, idle, stall):
    await start(dut)
    source, sink = StreamSource(dut, "i", idle=idle), StreamSink(dut, "o", stall=stall)
    entered, left = Clocks(dut, "i"), Clocks(dut, "o")
    words = [random.Random(n).getrandbits(BITS) for n in range(WORDS)]
    source.send(*words)
    await sink.expect(words)
    await sink.quiet(20)
    # One clock from side to side; room again in the clock after the word two before has gone.
    assert all(b >= a + 1 for a, b in zip(entered.passed, left.passed))
    assert all(b >= a + 1 for a, b in zip(left.passed, entered.passed[2:]))
    if not stall:
        assert [b - a for a, b in zip(entered.passed, left.passed)] == [1] * WORDS
    if not idle and not stall:
        assert entered.passed == list(range(entered.passed[0], entered.passed[0] + WORDS))
    if not idle:  # nothing waits longer than that
        assert all(b == max(a + 1, gone + 1) for a, b, gone in
                   zip(entered.passed[1:], entered.passed[2:], left.passed))


@cocotb.test
async def holds_two(dut):
    await start(dut)
    dut.o__ready.value = 0
    source, entered = StreamSource(dut, "i"), Clocks(dut, "i")
    source.send(1, 2, 3)
    await ClockCycles(dut.clk, 20)
    assert len(entered.passed) == 2
    await StreamSink(dut, "o").expect([1, 2, 3])
