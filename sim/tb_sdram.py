"""SimulatedSdram against the chip model: every word comes back, in order, at the rate promised.

The chip model raises where a rule of the data sheet is broken; so each case also checks them all.
"""

import random
from collections import deque
from dataclasses import replace

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.sdram_parts import SdramUse, part
from ..rtl.sdram_interfaces import Command
from .bench import machine
from .sdram_chip import attach
from .streams import parameters

PERIODS = 2  # refresh periods over which the share of the peak is measured
BATCH = 500  # clocks, more than a batch of refreshes takes


def use_of(settings):
    """SdramUse of {"part", "mem_hz", "cas_latency", "chip": fields to change}."""
    return SdramUse(part=replace(part(settings["part"]), **settings.get("chip", {})),
                    clock_hz=settings["mem_hz"], cas_latency=settings["cas_latency"])


class Bench:
    """Drives MemorySignature and holds each word that comes back to a scoreboard.

    What was written before a request was taken is what its words must be.
    """

    def __init__(self, dut, *, idle=0.0, seed=1):
        settings = parameters()
        self.dut, self.config, self.use = dut, machine(settings), use_of(settings)
        self.random, self.idle = random.Random(seed), idle
        self.chip = attach(dut, self.use.part, self.use.clock_hz)
        self.beats = self.config.word_bits // self.use.part.data_bits
        self.written, self.queue, self.expected = {}, deque(), deque()
        self.taken = []  # clock of each word
        self.clock = 0

    async def start(self):
        """Clocks, reset and the power-up of the chip."""
        dut, mem_hz, hz = self.dut, self.use.clock_hz, self.config.clock_hz
        crossing = hasattr(dut, "mem_clk")
        Clock(dut.clk, 2 * round(5e8 / hz * 1000), unit="ps").start()
        if crossing:
            Clock(dut.mem_clk, 2 * round(5e8 / mem_hz * 1000), unit="ps").start()
            dut.mem_rst.value = 1
        dut.memory__requests__valid.value = dut.memory__writes__valid.value = 0
        dut.memory__words__ready.value = 1
        dut.rst.value = 1
        await ClockCycles(dut.clk, 4)
        dut.rst.value = 0
        if crossing:
            dut.mem_rst.value = 0
        cocotb.start_soon(self._limit())
        cocotb.start_soon(self._run())

    async def _limit(self):
        await ClockCycles(self.dut.clk, parameters().get("clocks", 200_000))
        raise AssertionError("no end")

    def word_at(self, address):
        """The word at `address`; one that was never written is all zero in the chip model."""
        return self.written.get(address, 0)

    def read(self, address, words):
        self.queue.append((address, words, None))

    def write(self, address, word):
        self.queue.append((address, 1, word))

    def fill(self, count):
        """Random words for the first `count` addresses, as if they had been loaded."""
        data_bits, beats = self.use.part.data_bits, self.beats
        for address in range(count):
            word = self.random.getrandbits(self.config.word_bits)
            self.written[address] = word
            for n in range(beats):
                self.chip.store[address * beats + n] = \
                    word >> n * data_bits & (1 << data_bits) - 1

    async def _run(self):
        """One operation a clock at most; takes every word at once."""
        dut, edge = self.dut, RisingEdge(self.dut.clk)
        shown = None
        while True:
            await edge
            self.clock += 1
            if dut.memory__words__valid.value:
                word, where = int(dut.memory__words__payload.value), self.expected.popleft() \
                    if self.expected else (None, None)
                assert where[0] is not None, "a word that nobody asked for"
                assert word == where[1], f"word {where[0]:#x} is {word:#x}, expected {where[1]:#x}"
                self.taken.append(self.clock)
            if shown is not None:
                address, words, data = shown
                port = "requests" if data is None else "writes"
                if getattr(dut, f"memory__{port}__ready").value:
                    self._done(shown)
                    shown = None
            if shown is None and self.queue and self.random.random() >= self.idle:
                shown = self.queue.popleft()
            self._show(shown)

    def _done(self, operation):
        address, words, data = operation
        if data is None:
            self.expected.extend((address + n, self.word_at(address + n)) for n in range(words))
        else:
            self.written[address] = data

    def _show(self, shown):
        dut, bits = self.dut, self.config.address_bits
        address, words, data = shown or (self.random.getrandbits(bits), 0, None)
        dut.memory__requests__valid.value = int(shown is not None and data is None)
        dut.memory__writes__valid.value = int(shown is not None and data is not None)
        dut.memory__requests__payload.value = address | words << bits
        dut.memory__writes__payload.value = address | (data or 0) << bits

    async def drained(self):
        """Waits until every operation is done and every word has come."""
        while self.queue or self.expected:
            await ClockCycles(self.dut.clk, 20)
        await ClockCycles(self.dut.clk, 60)
        assert not self.queue and not self.expected


@cocotb.test
@cocotb.parametrize(idle=[0.0, 0.7])
async def a_random_mix_comes_back(dut, idle):
    """Reads of 1 to 255 words and writes, scattered over few rows of some banks and in runs."""
    bench = Bench(dut, idle=idle)
    await bench.start()
    draw, top = bench.random, 1 << bench.config.address_bits
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
                bench.write(address + n, draw.getrandbits(bench.config.word_bits))
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
        bench.write(address, bench.random.getrandbits(bench.config.word_bits))
        bench.read(address, 1)
        bench.read(0, 3)
    await bench.drained()
