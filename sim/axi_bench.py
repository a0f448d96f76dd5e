"""cocotbext-axi's AxiRam behind AxiMemory: late, stalled at random, and a scoreboard of its words.

The RAM executes reads and writes as they come: a read that overtakes a write finds the old word,
and one that is overtaken the new one.
"""

import random
from collections import deque, namedtuple

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiRam

from ..rtl.axi_interfaces import PAGE
from .axi_ram import delay
from .bench import machine
from .streams import parameters

Sizes = namedtuple("Sizes", ("word_bits", "address_bits"))
CHANNELS = {"aw": ("addr", "len"), "w": ("data", "strb", "last"), "ar": ("addr", "len")}


def config_of(settings):
    """Of {"preset", "changes"}, or of {"word_bytes", "address_bits"} for a word of any size."""
    if "preset" in settings:
        return machine(settings)
    return Sizes(8 * settings["word_bytes"], settings["address_bits"])


class Bench:
    """Drives MemorySignature and holds each word that comes back to a scoreboard.

    Parameters
    ----------
    idle : float
        Probability of a clock without an operation.
    stall : float
        Probability of a clock without `ready`, or without an answer, of each channel of the RAM.
    late : int
        Clocks of the RAM until it looks at a burst, up to.
    limit : int
        Bytes of the RAM that work; beyond them it answers with an error.
    """

    def __init__(self, dut, *, idle=0.0, stall=0.0, late=30, limit=None, seed=1):
        self.dut, self.settings = dut, parameters()
        config = config_of(self.settings)
        self.address_bits, self.word_bits = config.address_bits, config.word_bits
        self.word_bytes = self.word_bits // 8
        self.random, self.idle, self.stall, self.late = random.Random(seed), idle, stall, late
        self.size = self.word_bytes << self.address_bits
        self.limit = limit or self.size
        self.written, self.queue, self.expected = {}, deque(), deque()
        self.taken, self.accepted = [], []  # clocks of words read, and of words written
        self.bursts = {"aw": [], "ar": []}  # (address, beats)
        self.strobes = []
        self.clock = 0
        self.wild = False  # words read are not compared

    async def start(self):
        """Clocks, resets and the RAM."""
        dut = self.dut
        Clock(dut.clk, self.settings.get("period_ps", 8000), unit="ps").start()
        Clock(dut.mem_clk, self.settings.get("mem_period_ps", 3334), unit="ps").start()
        dut.memory__requests__valid.value = dut.memory__writes__valid.value = 0
        dut.memory__words__ready.value = 1
        dut.rst.value = dut.mem_rst.value = 1
        self.ram = AxiRam(AxiBus.from_prefix(dut, "axi_"), dut.mem_clk, dut.mem_rst, size=self.size)
        self._disturb()
        await ClockCycles(dut.clk, 4)
        dut.rst.value = 0
        for name in CHANNELS:
            cocotb.start_soon(self._watch(name))
        cocotb.start_soon(self._limit())
        cocotb.start_soon(self._run())
        cocotb.start_soon(self._calibrate())

    async def _calibrate(self):
        """The memory leaves its reset later than the machine, which asks it already."""
        await ClockCycles(self.dut.clk, 40)
        self.dut.mem_rst.value = 0

    def _disturb(self):
        write, read = self.ram.write_if, self.ram.read_if
        write._write, read._read = self._limited(write._write), self._limited(read._read)
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                    read.r_channel)
        for channel in channels if self.stall else ():
            channel.set_pause_generator(self._pauses())
        if self.late:
            delay(self.ram, self.dut.mem_clk,
                  lambda: self.random.randrange(self.late // 2, self.late))

    def _limited(self, access):
        async def limited(address, what):
            if address >= self.limit:
                raise ValueError("beyond the limit")
            return await access(address, what)
        return limited

    def _pauses(self):
        while True:
            yield self.random.random() < self.stall

    async def _limit(self):
        await ClockCycles(self.dut.clk, self.settings.get("clocks", 60_000))
        raise AssertionError("no end")

    async def _watch(self, name):
        """Keeps the bursts; a payload that waits stays, and no burst crosses a page."""
        dut = self.dut
        port = {field: getattr(dut, f"axi__{name}{field}")
                for field in (*CHANNELS[name], "valid", "ready")}
        waiting = None
        while True:
            await RisingEdge(dut.mem_clk)
            shown = tuple(int(port[field].value) for field in CHANNELS[name])
            assert waiting is None or (port["valid"].value and shown == waiting), \
                f"{name}: a payload changed while it waited"
            waiting = shown if port["valid"].value and not port["ready"].value else None
            if not port["valid"].value or waiting is not None:
                continue
            if name == "w":
                self.strobes.append(shown[1])
            else:
                size = (shown[1] + 1) * len(dut.axi__wdata) // 8
                assert shown[0] % PAGE + size <= PAGE, f"{name}: {size} bytes from {shown[0]:#x} on"
                self.bursts[name].append((shown[0], shown[1] + 1))

    def read(self, address, words):
        self.queue.append((address, words, None))

    def write(self, address, word):
        self.queue.append((address, 1, word))

    def draw(self):
        """A word."""
        return self.random.getrandbits(self.word_bits)

    def fill(self, count):
        """Random words for the first `count` addresses, as if they had been loaded."""
        for address in range(count):
            self.written[address] = word = self.draw()
            self.ram.write(address * self.word_bytes, word.to_bytes(self.word_bytes, "little"))

    def word_at(self, address):
        """The word that lies in the RAM."""
        return int.from_bytes(self.ram.read(address * self.word_bytes, self.word_bytes), "little")

    async def _run(self):
        """One operation a clock at most; takes every word at once."""
        dut, edge = self.dut, RisingEdge(self.dut.clk)
        shown = None
        while True:
            await edge
            self.clock += 1
            if dut.memory__words__valid.value:
                self._compare(int(dut.memory__words__payload.value))
            if shown is not None:
                port = "requests" if shown[2] is None else "writes"
                if getattr(dut, f"memory__{port}__ready").value:
                    self._done(*shown)
                    shown = None
            if shown is None and self.queue and self.random.random() >= self.idle:
                shown = self.queue.popleft()
            self._show(shown)

    def _compare(self, word):
        assert self.expected, "a word that nobody asked for"
        address, expected = self.expected.popleft()
        assert self.wild or word == expected, \
            f"word {address:#x} is {word:#x}, expected {expected:#x}"
        self.taken.append(self.clock)

    def _done(self, address, words, data):
        if data is None:
            self.expected.extend((address + n, self.written.get(address + n, 0))
                                 for n in range(words))
        else:
            self.written[address] = data
            self.accepted.append(self.clock)

    def _show(self, shown):
        dut, bits = self.dut, self.address_bits
        address, words, data = shown or (self.random.getrandbits(bits), 0, None)
        dut.memory__requests__valid.value = int(shown is not None and data is None)
        dut.memory__writes__valid.value = int(shown is not None and data is not None)
        dut.memory__requests__payload.value = address | words << bits
        dut.memory__writes__payload.value = address | (data or 0) << bits

    async def drained(self):
        """Waits until every operation is done and every word is where it belongs."""
        while self.queue or self.expected:
            await ClockCycles(self.dut.clk, 20)
        await ClockCycles(self.dut.clk, 200)
        assert not self.queue and not self.expected

    def holds(self, first, count):
        """Compares words of the RAM with those written; what was not written has to be 0."""
        for address in range(first, first + count):
            found, expected = self.word_at(address), self.written.get(address, 0)
            assert found == expected, f"the RAM has {found:#x} at {address:#x}, not {expected:#x}"
