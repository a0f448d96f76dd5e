"""What the testbenches of the tape and of the whole machine share: a Config, an unsteady memory."""

import random
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge

from ..common.config import preset


def machine(parameters):
    """The Config of {"preset": name, "changes": fields}, with which pytest parametrizes a case."""
    return preset(parameters["preset"], **parameters["changes"])


class UnsteadyMemory:
    """MemorySignature's other end with no rule but order: it stalls requests and pauses words.

    `requested` and `delivered` count words. Each word must be taken at once, no request may be
    longer than a burst, and there is something else than a word wherever none is valid.
    """

    def __init__(self, dut, config, contents, *, stall=0.5, pause=0.5, latency=30, seed=1):
        self.dut, self.config, self.contents = dut, config, contents
        self.stall, self.pause, self.latency = stall, pause, latency
        self.random, self.queue = random.Random(seed), deque()
        self.requested = self.delivered = 0
        cocotb.start_soon(self._serve())

    async def _serve(self):
        dut, draw, clock = self.dut, self.random.random, 0
        dut.memory__writes__ready.value = 1
        ready = valid = False
        while True:
            dut.memory__requests__ready.value = int(ready)
            dut.memory__words__valid.value = int(valid)
            dut.memory__words__payload.value = self.contents[self.queue[0][0]] if valid else \
                self.random.getrandbits(self.config.word_bits)
            await RisingEdge(dut.clk)
            clock += 1
            assert not dut.memory__writes__valid.value, "the reader writes"
            if valid:
                assert dut.memory__words__ready.value, "a memory word was refused"
                self.queue.popleft()
                self.delivered += 1
            if ready and dut.memory__requests__valid.value and not dut.rst.value:
                self._accept(int(dut.memory__requests__payload.value), clock)
            ready = draw() >= self.stall
            valid = bool(self.queue) and self.queue[0][1] <= clock and draw() >= self.pause

    def _accept(self, bits, clock):
        mask = (1 << self.config.address_bits) - 1
        address, words = bits & mask, bits >> self.config.address_bits
        assert 0 < words <= self.config.burst_words, f"a request for {words} words"
        self.requested += words
        due = clock + self.random.randrange(self.latency + 1)
        self.queue.extend((address + n, due) for n in range(words))
