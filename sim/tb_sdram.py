"""SimulatedSdram against the chip model: every word comes back, in order, at the rate promised.

The chip model raises where a rule of the data sheet is broken; so each case also checks them all.
"""

from dataclasses import replace

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

from ..common.sdram_parts import SdramUse, part
from ..rtl.sdram_interfaces import Command
from .bench import machine
from .memory_bench import MemoryBench
from .sdram_chip import attach
from .streams import parameters

PERIODS = 2  # refresh periods over which the share of the peak is measured
BATCH = 500  # clocks, more than a batch of refreshes takes


def use_of(settings):
    """SdramUse of {"part", "mem_hz", "cas_latency", "chip": fields to change}."""
    return SdramUse(part=replace(part(settings["part"]), **settings.get("chip", {})),
                    clock_hz=settings["mem_hz"], cas_latency=settings["cas_latency"])


class Bench(MemoryBench):
    """SimulatedSdram between MemoryBench and the chip model."""

    def __init__(self, dut, *, idle=0.0, seed=1):
        settings = parameters()
        self.config, self.use = machine(settings), use_of(settings)
        super().__init__(dut, self.config, idle=idle, seed=seed)
        self.chip = attach(dut, self.use.part, self.use.clock_hz)
        self.beats = self.config.word_bits // self.use.part.data_bits

    async def start(self):
        """Clocks, reset and the power-up of the chip."""
        dut, mem_hz, hz = self.dut, self.use.clock_hz, self.config.clock_hz
        crossing = hasattr(dut, "mem_clk")
        Clock(dut.clk, 2 * round(5e8 / hz * 1000), unit="ps").start()
        if crossing:
            Clock(dut.mem_clk, 2 * round(5e8 / mem_hz * 1000), unit="ps").start()
            dut.mem_rst.value = 1
        self.quiet()
        dut.rst.value = 1
        await ClockCycles(dut.clk, 4)
        dut.rst.value = 0
        if crossing:
            dut.mem_rst.value = 0
        self.begin(200_000)

    def put(self, address, word):
        bits = self.use.part.data_bits
        for n in range(self.beats):
            self.chip.store[address * self.beats + n] = word >> n * bits & (1 << bits) - 1


@cocotb.test
@cocotb.parametrize(idle=[0.0, 0.7])
async def a_random_mix_comes_back(dut, idle):
    """Reads of 1 to 255 words and writes, scattered over few rows of some banks and in runs."""
    bench = Bench(dut, idle=idle)
    await bench.start()
    draw, top = bench.random, 1 << bench.address_bits
    row = bench.use.part.columns // bench.beats
    banks = bench.use.part.banks
    # Two rows of each of three banks, so that open rows are mistaken for each other if they can be.
    centres = [row * (banks * r + b) + 30 for r in (0, 1) for b in (0, 1, banks - 1)]
    centres += [draw.randrange(top), row, banks * row, top - 300]
    for _ in range(parameters().get("operations", 250)):
        address = (draw.choice(centres) + draw.randrange(-20, 20)) % (top - 255)
        kind = draw.random()
        if kind < 0.4:
            for n in range(draw.randrange(1, 12)):
                bench.write(address + n, bench.draw())
        elif kind < 0.9:
            bench.read(address, draw.randrange(1, 30))
        else:
            bench.read(address, draw.choice((1, 2, row, 254, 255)) if row < 256 else 255)
    await bench.drained()
    assert bench.chip.commands[Command.WRITE] > 100


@cocotb.test
async def long_reads_reach_the_peak(dut):
    """Requests of the size that the tape reader makes, one after the other, over many rows.

    The share of the peak is that of whole refresh periods: from batch to batch.
    """
    bench = Bench(dut)
    bench.fill(4000)
    await bench.start()
    burst, address, marks = bench.config.burst_words, 0, []
    while len(marks) < 1 + PERIODS:
        if len(bench.queue) < 4:
            bench.read(address, burst)
            address += burst
        seen = bench.chip.commands[Command.REFRESH]
        await ClockCycles(dut.clk, 4)
        if bench.chip.commands[Command.REFRESH] > seen and len(bench.taken) > 50 and \
                (not marks or bench.clock - marks[-1][0] > BATCH):
            marks.append((bench.clock, len(bench.taken)))
    await bench.drained()
    (first, before), (last, after) = marks[0], marks[-1]
    rate = (after - before) / (last - first) * bench.config.clock_hz
    peak = bench.use.clock_hz / bench.beats
    share = rate / min(peak, bench.config.clock_hz)
    cocotb.log.info(f"share of the peak: {share:.4f}")
    assert share >= 0.98, f"{share:.4f} of the peak"
    assert share < 1 or bench.config.clock_hz < peak, "no refresh came under load"


@cocotb.test
async def a_read_sees_what_was_written_before_it(dut):
    """Write and read of one address, back to back, again and again."""
    bench = Bench(dut)
    await bench.start()
    for n in range(60):
        address = n % 3
        bench.write(address, bench.draw())
        bench.read(address, 1)
        bench.read(0, 3)
    await bench.drained()
