"""CrossingQueue: every word once and in order between clocks of any ratio."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, Timer

from .streams import StreamSink, StreamSource, start

PERIOD_PS = 10_000  # of the writing side, as in `streams.start`


async def begin(dut, period_ps):
    """Both clocks, the reading one with another phase, and both resets."""
    dut.mem_rst.value = 1
    cocotb.start_soon(_late_clock(dut, period_ps))
    await start(dut, reset=6)
    dut.mem_rst.value = 0


async def _late_clock(dut, period_ps):
    await Timer(1234, unit="ps")
    Clock(dut.mem_clk, period_ps, unit="ps").start()


@cocotb.test
@cocotb.parametrize((("period_ps", "idle", "stall"), [
    (7_518, 0.5, 0.5), (3_002, 0, 0.3), (31_016, 0, 0), (10_000, 0, 0.9)]))
async def words_keep_their_order(dut, period_ps, idle, stall):
    source = StreamSource(dut, "i", idle=idle)
    sink = StreamSink(dut, "o", stall=stall, clock=dut.mem_clk)
    await begin(dut, period_ps)
    words = [(n * 40503) & 0xffff for n in range(500)]
    source.send(*words)
    await sink.expect(words)
    await sink.quiet(30)


@cocotb.test
@cocotb.parametrize(period_ps=[7_518, 15_002])
async def a_word_a_clock_of_the_slower_side(dut, period_ps):
    source, sink = StreamSource(dut, "i"), StreamSink(dut, "o", clock=dut.mem_clk)
    await begin(dut, period_ps)
    source.send(*range(400))
    await sink.take(100)
    clocks, slower = 0, dut.mem_clk if period_ps > PERIOD_PS else dut.clk
    while len(sink.queue) < 200:
        await RisingEdge(slower)
        clocks += 1
    assert clocks < 205, f"200 words took {clocks} clocks"
    await ClockCycles(dut.clk, 500)
