"""AxiMemory against cocotbext-axi's AxiRam: all words come back, in order, at the rate promised."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..rtl.axi_interfaces import PAGE
from .axi_bench import Bench, config_of
from .streams import parameters


def share(clocks, count):
    """Of the clocks in which there was a word, among the last `count` words."""
    return (count - 1) / (clocks[-1] - clocks[-count])


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0.0, 0.0), (0.0, 0.5), (0.6, 0.0), (0.5, 0.4)]))
async def a_random_mix_comes_back(dut, idle, stall):
    """Reads of 1 to 255 words and writes, up, down and scattered, around the ends of pages."""
    bench = Bench(dut, idle=idle, stall=stall)
    await bench.start()
    draw, top = bench.random, 1 << bench.address_bits
    page = PAGE // bench.word_bytes
    centres = [40, page, 2 * page, 5 * page, top - 300]
    for _ in range(bench.settings.get("operations", 120)):
        address = (draw.choice(centres) + draw.randrange(-20, 20)) % (top - 255)
        kind = draw.random()
        if kind < 0.35:
            for n in range(draw.choice((1, 2, 3, 7, 20, 70))):
                bench.write(address + n, bench.draw())
        elif kind < 0.5:
            for _ in range(draw.randrange(1, 10)):
                bench.write(address + draw.randrange(-3, 4), bench.draw())
        elif kind < 0.95:
            bench.read(address, draw.randrange(1, 30))
        else:
            bench.read(address, draw.choice((254, 255)))
    await bench.drained()
    for centre in centres:
        bench.holds(max(0, centre - 100), 200)
    assert int(dut.failed.value) == 0


@cocotb.test
async def a_read_sees_what_was_written_before_it_and_nothing_else(dut):
    """Read, write and read of one address, again and again, with slow answers."""
    bench = Bench(dut, late=60)
    await bench.start()
    for n in range(40):
        address = n % 3
        bench.read(address, 1)
        bench.write(address, bench.draw())
        bench.read(address, 1)
        bench.read(0, 3)
        bench.write(0, bench.draw())
    await bench.drained()


@cocotb.test
async def a_read_sends_what_was_gathered_at_once(dut):
    """A word to write and one to read, in turn: none waits for another word to write."""
    bench, pairs = Bench(dut, late=0), 20
    await bench.start()
    for n in range(pairs):
        bench.write(n, bench.draw())
        bench.read(n, 1)
    await bench.drained()
    clocks = (bench.taken[-1] - bench.taken[0]) / (pairs - 1)
    cocotb.log.info(f"clocks for a word written and read: {clocks:.1f}")
    assert clocks < 15, f"{clocks} clocks"


@cocotb.test
async def long_reads_reach_a_word_a_clock(dut):
    """Requests of the size that the tape reader makes, one after the other."""
    bench = Bench(dut)
    await bench.start()
    words, burst = 2400, 64
    bench.fill(words + burst)
    for address in range(0, words, burst):
        bench.read(address, burst)
    await bench.drained()
    reached = share(bench.taken, 2000)
    cocotb.log.info(f"words a clock, reading: {reached:.4f}")
    assert reached >= 0.98, f"{reached:.4f} words a clock"
    longest = min(burst * bench.word_bytes, PAGE, 256 * len(dut.axi__wstrb))
    assert max(beats for _, beats in bench.bursts["ar"]) * len(dut.axi__wstrb) == longest


@cocotb.test
async def a_tape_is_written_a_word_a_clock(dut):
    """One long sequence: in full bursts, all strobes set."""
    bench = Bench(dut)
    await bench.start()
    words = 2400
    for address in range(words):
        bench.write(address, bench.draw())
    await bench.drained()
    reached = share(bench.accepted, 2000)
    cocotb.log.info(f"words a clock, writing: {reached:.4f}")
    assert reached >= 0.999, f"{reached:.4f} words a clock"
    bench.holds(0, words + 20)
    line = max(bench.word_bytes, len(dut.axi__wstrb))
    assert len(bench.bursts["aw"]) == -(-words * bench.word_bytes // (16 * line))
    full = (1 << len(dut.axi__wstrb)) - 1
    assert len(bench.strobes) == words * bench.word_bytes // len(dut.axi__wstrb)
    assert set(bench.strobes) == {full}


@cocotb.test
async def a_word_leaves_without_another_one(dut):
    """Nobody reads; words reach the RAM all the same, and their neighbours stay."""
    bench = Bench(dut)
    await bench.start()
    for address in (5, 6, 9, 100, 103, 102, 101):
        bench.write(address, bench.draw())
    while bench.queue:
        await RisingEdge(dut.clk)
    await ClockCycles(dut.clk, 31 + 60)
    bench.holds(0, 120)


@cocotb.test
@cocotb.parametrize(kind=["read", "write"])
async def errors_are_reported(dut, kind):
    """The RAM ends in the middle of the memory; what lies in it is not harmed."""
    half = 64
    bench = Bench(dut, limit=half * config_of(parameters()).word_bits // 8)
    await bench.start()
    bench.write(half - 1, bench.draw())
    bench.read(half - 1, 1)
    await bench.drained()
    assert int(dut.failed.value) == 0
    bench.wild = True
    beyond = {"read": lambda: bench.read(half, 3),
              "write": lambda: bench.write(half + 8, bench.draw())}
    beyond.pop(kind)()
    await bench.drained()
    expected = 1 if kind == "read" else 2
    assert int(dut.failed.value) == expected, f"failed is {int(dut.failed.value)}"
    bench.wild = False
    bench.write(3, bench.draw())
    bench.read(half - 1, 1)
    bench.read(0, 5)
    await bench.drained()
    assert int(dut.failed.value) == expected, "the error was forgotten"
    bench.wild = True
    beyond.popitem()[1]()
    await bench.drained()
    assert int(dut.failed.value) == 3, f"failed is {int(dut.failed.value)}"


@cocotb.test
async def reset_clears_the_errors(dut):
    """And what was on its way is gone: the first word read after it is the first asked for."""
    bench = Bench(dut, limit=4096)
    await bench.start()
    bench.wild = True
    bench.read(1 << bench.address_bits - 1, 200)
    await ClockCycles(dut.clk, 100)
    assert int(dut.failed.value) == 1
    dut.rst.value = dut.mem_rst.value = 1
    await ClockCycles(dut.clk, 4)
    bench.expected.clear()
    dut.rst.value = dut.mem_rst.value = 0
    bench.wild = False
    bench.write(7, bench.draw())
    bench.read(7, 2)
    await bench.drained()
    assert int(dut.failed.value) == 0
