"""AxiMemory against cocotbext-axi's AxiRam: every word comes back, in order, at the rate promised.

The RAM answers late, in random stalls, and executes reads and writes as they come: a read that
overtakes a write finds the old word, and one that is overtaken the new one.
"""

import random
from collections import deque, namedtuple

import cocotb
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBus, AxiRam

from ..rtl.axi_interfaces import PAGE
from .bench import machine
from .streams import parameters

Sizes = namedtuple("Sizes", ("word_bits", "address_bits"))
CHANNELS = {"aw": ("addr", "len"), "w": ("data", "strb", "last"), "ar": ("addr", "len")}


def config_of(settings):
    """Of {"preset", "changes"}, or of {"word_bytes", "address_bits"} for a word of any size."""
    if "preset" in settings:
        return machine(settings)
    return Sizes(8 * settings["word_bytes"], settings["address_bits"])


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
            for side, name in (write, "aw_channel"), (read, "ar_channel"):
                sink = LateSink(getattr(side, name), self.dut.mem_clk,
                                lambda: self.random.randrange(self.late // 2, self.late))
                setattr(side, name, sink)

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
