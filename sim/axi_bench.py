"""cocotbext-axi's AxiRam behind AxiMemory: late, and stalled at random.

The RAM executes reads and writes as they come: a read that overtakes a write finds the old word,
and one that is overtaken the new one.
"""

from collections import namedtuple

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiRam

from ..rtl.axi_interfaces import PAGE
from .axi_ram import CALIBRATION, delay
from .bench import machine
from .memory_bench import MemoryBench
from .streams import parameters

Sizes = namedtuple("Sizes", ("word_bits", "address_bits"))
CHANNELS = {"aw": ("addr", "len"), "w": ("data", "strb", "last"), "ar": ("addr", "len")}


def config_of(settings):
    """Of {"preset", "changes"}, or of {"word_bytes", "address_bits"} for a word of any size."""
    if "preset" in settings:
        return machine(settings)
    return Sizes(8 * settings["word_bytes"], settings["address_bits"])


class Bench(MemoryBench):
    """AxiMemory between MemoryBench and the RAM.

    Parameters
    ----------
    stall : float
        Probability of a clock without `ready`, or without an answer, of each channel of the RAM.
    late : int
        Clocks of the RAM until it looks at a burst, up to.
    limit : int
        Bytes of the RAM that work; beyond them it answers with an error.
    """

    def __init__(self, dut, *, idle=0.0, stall=0.0, late=30, limit=None, seed=1):
        super().__init__(dut, config_of(parameters()), idle=idle, seed=seed)
        self.word_bytes = self.word_bits // 8
        self.stall, self.late = stall, late
        self.size = self.word_bytes << self.address_bits
        self.limit = limit or self.size
        self.bursts = {"aw": [], "ar": []}  # (address, beats)
        self.strobes = []

    async def start(self):
        """Clocks, resets and the RAM."""
        dut = self.dut
        Clock(dut.clk, self.settings.get("period_ps", 8000), unit="ps").start()
        Clock(dut.mem_clk, self.settings.get("mem_period_ps", 3334), unit="ps").start()
        self.quiet()
        dut.rst.value = dut.mem_rst.value = 1
        self.ram = AxiRam(AxiBus.from_prefix(dut, "axi_"), dut.mem_clk, dut.mem_rst, size=self.size)
        self._disturb()
        await ClockCycles(dut.clk, 4)
        dut.rst.value = 0
        for name in CHANNELS:
            cocotb.start_soon(self._watch(name))
        self.begin(60_000)
        cocotb.start_soon(self._calibrate())

    async def _calibrate(self):
        """The memory leaves its reset later than the machine, which asks it already."""
        await ClockCycles(self.dut.clk, CALIBRATION)
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

    def put(self, address, word):
        self.ram.write(address * self.word_bytes, word.to_bytes(self.word_bytes, "little"))

    def word_at(self, address):
        """The word that lies in the RAM."""
        return int.from_bytes(self.ram.read(address * self.word_bytes, self.word_bytes), "little")

    def holds(self, first, count):
        """Compares words of the RAM with those written; what was not written has to be 0."""
        for address in range(first, first + count):
            found, expected = self.word_at(address), self.written.get(address, 0)
            assert found == expected, f"the RAM has {found:#x} at {address:#x}, not {expected:#x}"
