"""MemorySignature of a memory under test: operations in order, and a scoreboard of its words."""

import random
from collections import deque

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from .streams import parameters


class MemoryBench:
    """Drives `memory` of `dut` and holds each word that comes back to a scoreboard.

    What was written before a request was taken is what its words must be.

    Parameters
    ----------
    config : object with address_bits and word_bits
    idle : float
        Probability of a clock without an operation.

    Attributes
    ----------
    written : dict
        {address: word} of all that was taken, and of `fill`.
    queue, expected : deque
        Operations not yet taken, (address, word) not yet come.
    taken, accepted : list of int
        Clocks of words read, and of words written.
    wild : bool
        Words read are not compared.
    """

    def __init__(self, dut, config, *, idle=0.0, seed=1):
        self.dut, self.settings = dut, parameters()
        self.address_bits, self.word_bits = config.address_bits, config.word_bits
        self.random, self.idle = random.Random(seed), idle
        self.written, self.queue, self.expected = {}, deque(), deque()
        self.taken, self.accepted = [], []
        self.clock, self.wild = 0, False

    def quiet(self):
        """What the memory is shown before its reset ends."""
        self.dut.memory__requests__valid.value = self.dut.memory__writes__valid.value = 0
        self.dut.memory__words__ready.value = 1

    def begin(self, clocks):
        """From here on operations are driven; the case fails after so many clocks."""
        cocotb.start_soon(self._limit(self.settings.get("clocks", clocks)))
        cocotb.start_soon(self._run())

    async def _limit(self, clocks):
        await ClockCycles(self.dut.clk, clocks)
        raise AssertionError("no end")

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
            self.put(address, word)

    def put(self, address, word):
        """Puts a word into the chip's own store."""
        raise NotImplementedError

    async def drained(self):
        """Waits until every operation is done and every word is where it belongs."""
        while self.queue or self.expected:
            await ClockCycles(self.dut.clk, 20)
        await ClockCycles(self.dut.clk, 200)
        assert not self.queue and not self.expected

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
