"""cocotbext-axi's AxiRam as a memory that answers late, as chips behind a controller do."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotbext.axi import AxiBus, AxiRam

LATE = range(15, 30)  # clocks of the memory until it looks at a burst
CALIBRATION = 40  # clocks for which its reset outlasts the machine's


class LateSink:
    """In the place of a sink of AxiRam: what arrived can be taken `clocks()` later, in order."""

    def __init__(self, sink, clock, clocks):
        self.sink, self.clock, self.clocks, self.queue = sink, clock, clocks, Queue()
        self.now = 0
        cocotb.start_soon(self._count())
        cocotb.start_soon(self._pass_on())

    async def _count(self):
        while True:
            await RisingEdge(self.clock)
            self.now += 1

    async def _pass_on(self):
        while True:
            item = await self.sink.recv()
            self.queue.put_nowait((self.now + self.clocks(), item))

    async def recv(self):
        due, item = await self.queue.get()
        if due > self.now:
            await ClockCycles(self.clock, due - self.now)
        return item

    def clear(self):
        """At reset."""
        self.queue = Queue()
        self.sink.clear()

    def __getattr__(self, name):
        return getattr(self.sink, name)


def delay(ram, clock, clocks):
    """`ram`, an AxiRam, looks at each burst `clocks()` after it came; reads and writes apart."""
    for side, name in (ram.write_if, "aw_channel"), (ram.read_if, "ar_channel"):
        setattr(side, name, LateSink(getattr(side, name), clock, clocks))


def attach(dut, config, period_ps, seed=1):
    """Gives `dut`, an AxiTop, the clock and the reset of its memory, and a RAM at `m_axi`.

    Parameters
    ----------
    config : Config
        Of the machine, whose memory's size the RAM has.
    period_ps : int
        Of the memory's clock.
    """
    Clock(dut.mem_clk, period_ps, unit="ps").start()
    dut.mem_rst.value = 1
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi_"), dut.mem_clk, dut.mem_rst,
                 size=config.memory_words * config.word_bytes)
    source = random.Random(seed)
    delay(ram, dut.mem_clk, lambda: source.choice(LATE))
    cocotb.start_soon(_reset(dut))
    return ram


async def _reset(dut):
    """As the top levels of boards do: with the machine, and released later."""
    while True:
        dut.mem_rst.value = 1
        if dut.rst.value:
            await FallingEdge(dut.rst)
        await ClockCycles(dut.mem_clk, CALIBRATION)
        dut.mem_rst.value = 0
        await RisingEdge(dut.rst)
