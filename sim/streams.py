"""The testbench's ends of Amaranth streams, for use inside the simulator.

Values are sampled as the gateware sees them at a rising edge, before the edge changes anything,
and driven right after it. A word is transferred at an edge where valid and ready are both high.
"""

import json
import os
import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, RisingEdge

from ..rtl.interfaces import WordsSignature
from .payload import pack, unpack

PERIOD_NS = 10


def parameters():
    """The `parameters` that were given to `runner.run`."""
    return json.loads(os.environ.get("TRITONE_PARAMETERS", "{}"))


async def start(dut, reset=2):
    """Starts the clock, holds reset for `reset` clocks and starts counting to the clock limit."""
    Clock(dut.clk, PERIOD_NS, unit="ns").start()
    dut.rst.value = 1
    await ClockCycles(dut.clk, reset)
    dut.rst.value = 0
    cocotb.start_soon(_limit(dut.clk, int(os.environ.get("TRITONE_CLOCKS", 200_000))))


async def _limit(clock, clocks):
    await ClockCycles(clock, clocks)
    raise AssertionError(f"no end after {clocks} clocks")


class _End:
    """Handles and pauses that source and sink share."""

    def __init__(self, dut, name, shape, pause, clock):
        self.name = name
        self.shape = shape
        self.clock = dut.clk if clock is None else clock
        self.payload = getattr(dut, f"{name}__payload", None)  # absent when it has no bits
        self.valid = getattr(dut, f"{name}__valid")
        self.ready = getattr(dut, f"{name}__ready")
        self.random = random.Random(f"{os.environ.get('COCOTB_RANDOM_SEED', 1)} {name}")
        self.set_pause(pause)

    def set_pause(self, pause):
        """`pause`: the probability of a paused clock, or an iterator of truth values."""
        if isinstance(pause, (int, float)):
            pause = self._at_random(pause) if pause else None
        self.pause = pause

    def _at_random(self, probability):
        while True:
            yield self.random.random() < probability

    def paused(self):
        return self.pause is not None and next(self.pause)


class StreamSource(_End):
    """Drives the component's input stream `name` with queued values, pausing at random.

    Parameters
    ----------
    shape : shape-like
        Of the payload; a layout takes dictionaries. Without one, integers are sent as they are.
    idle : float or iterator
        Probability of a clock without a word between two words.
    clock : handle
        Of the stream's domain; dut.clk by default.
    """

    def __init__(self, dut, name, shape=None, *, idle=0, clock=None):
        super().__init__(dut, name, shape, idle, clock)
        self.queue = deque()
        self.empty = Event()
        self.valid.value = 0
        cocotb.start_soon(self._drive())

    def send(self, *values):
        """Queues values; returns at once."""
        width = len(self.payload) if self.payload is not None else 0
        self.queue.extend(v & ((1 << width) - 1) if self.shape is None else pack(self.shape, v)
                          for v in values)
        self.empty.clear()

    async def drained(self):
        """Waits until every queued value has been taken."""
        if self.queue:
            await self.empty.wait()

    async def _drive(self):
        edge = RisingEdge(self.clock)
        shown = False
        while True:
            await edge
            if shown and self.ready.value:
                self.queue.popleft()
                shown = False
                if not self.queue:
                    self.empty.set()
            if not shown:
                shown = bool(self.queue) and not self.paused()
                self.valid.value = int(shown)
                if self.payload is not None:
                    # A word that is not valid must not matter: show another than the last one.
                    self.payload.value = self.queue[0] if shown else \
                        self.random.getrandbits(len(self.payload))


class WordsSource:
    """Gives queued words to the component's port `name`, a WordsSignature: each DELAY clocks after
    it was taken and in no other clock."""

    def __init__(self, dut, name):
        self.name, self.clock = name, dut.clk
        self.take, self.word = getattr(dut, f"{name}__take"), getattr(dut, f"{name}__word")
        self.queue = deque()
        self.random = random.Random(f"{os.environ.get('COCOTB_RANDOM_SEED', 1)} {name}")
        cocotb.start_soon(self._drive())

    def send(self, *values):
        """Queues values; returns at once."""
        self.queue.extend(values)

    async def _drive(self):
        coming = deque([None] * (WordsSignature.DELAY - 1))
        while True:
            await RisingEdge(self.clock)
            if self.take.value:
                assert self.queue, f"{self.name}: a word was taken after the last"
            coming.append(self.queue.popleft() if self.take.value else None)
            word = coming.popleft()
            self.word.value = self.random.getrandbits(len(self.word)) if word is None else word


class StreamSink(_End):
    """Takes words of the component's output stream `name`, stalling at random, and checks that
    a word that waits stays valid and does not change.

    Parameters are those of StreamSource, with `stall` the probability of a clock that is not ready.
    """

    def __init__(self, dut, name, shape=None, *, stall=0, clock=None):
        super().__init__(dut, name, shape, stall, clock)
        self.queue = deque()
        self.arrived = Event()
        self.ready.value = 0
        cocotb.start_soon(self._collect())

    async def take(self, count):
        """The next `count` words, in order."""
        while len(self.queue) < count:
            self.arrived.clear()
            await self.arrived.wait()
        return [self.queue.popleft() for _ in range(count)]

    async def recv(self):
        """The next word."""
        return (await self.take(1))[0]

    async def expect(self, values):
        """Takes as many words as `values` has and compares each as it comes."""
        for index, value in enumerate(values):
            word = await self.recv()
            assert word == value, \
                f"{self.name}: word {index} of {len(values)} is {word}, expected {value}"

    async def quiet(self, clocks):
        """Checks that no word is left or comes within `clocks` clocks."""
        await ClockCycles(self.clock, clocks)
        assert not self.queue, f"{self.name}: {len(self.queue)} words too many: {self.queue[0]} ..."

    async def _collect(self):
        edge = RisingEdge(self.clock)
        ready = False
        waiting = None
        while True:
            await edge
            word = None
            if self.valid.value:
                word = int(self.payload.value) if self.payload is not None else 0
            if waiting is not None:
                assert word is not None, f"{self.name}: valid fell before the word was taken"
                assert word == waiting, \
                    f"{self.name}: payload changed from {waiting:#x} to {word:#x} while it waited"
            waiting = word if not ready else None
            if word is not None and ready:
                self.queue.append(word if self.shape is None else unpack(self.shape, word))
                self.arrived.set()
            ready = not self.paused()
            self.ready.value = int(ready)
