"""VectorMemory against a list and golden.magnitude_bits."""

import random
from collections import deque

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from ..model.golden import magnitude_bits
from ..rtl.vector_memory import VectorMemory
from .elementwise import integers
from .payload import pack
from .streams import parameters, start

CLOCKS = 3000
BITS_SETTLE = 3  # clocks from a write to the clock in which `bits` knows it


class Bench:
    """Drives one access a clock and checks what a list says, clock by clock."""

    def __init__(self, dut, box):
        self.dut, self.box = dut, box
        self.words = [[0] * box.vector for _ in range(box.depth)]
        self.vector = []  # elements written since `first`
        self.history = deque([0] * BITS_SETTLE, BITS_SETTLE)
        self.pending = None  # the write of the clock before
        self.expected_x = None

    async def clock(self, read, write=None, first=0):
        """One clock: reads word `read`, and writes `write` = (address, elements)."""
        dut, box = self.dut, self.box
        dut.address.value = read
        dut.write.value = int(write is not None)
        address, x = write or (random.randrange(box.depth), integers(random, box.bits_, box.vector))
        dut.write_address.value = address
        dut.write_x.value = pack(box.write_x.shape(), x)
        dut.first.value = first
        await RisingEdge(dut.clk)
        if self.expected_x is not None:
            assert int(dut.x.value) == pack(box.x.shape(), self.expected_x)
        if box.track:
            assert int(dut.bits.value) == self.history[0], "bits are not those of three clocks ago"
        self.expected_x = list(self.words[read])  # as it was before the last two writes
        if self.pending:
            address_before, x_before = self.pending
            self.words[address_before] = x_before
        self.pending = write
        if write is not None:
            self.vector = x if first else self.vector + x
        self.history.append(int(magnitude_bits(np.array(self.vector or [0], np.int64))[0]))


@cocotb.test
async def reads_and_bits_match(dut):
    """Random accesses, many of them to the word that is being written."""
    box, generator = VectorMemory(**parameters()), random.Random(31)
    random.seed(32)
    await start(dut)
    bench, small = Bench(dut, box), 0
    for n in range(CLOCKS):
        first = int(n == 0 or generator.random() < 0.1)
        if first:
            small = generator.randrange(1, box.bits_ + 1)
        write = None
        if first or generator.random() < 0.6:
            write = (generator.randrange(box.depth), integers(generator, small, box.vector)
                     if small > 1 else [generator.choice([0, -1]) for _ in range(box.vector)])
        read = write[0] if write and generator.random() < 0.5 else generator.randrange(box.depth)
        await bench.clock(read, write, int(first and write is not None))


@cocotb.test
async def extremes_have_their_bits(dut):
    """Each power of two with its neighbours alone, in each lane, as a vector of one word."""
    box = VectorMemory(**parameters())
    random.seed(33)
    await start(dut)
    bench = Bench(dut, box)
    top = 1 << (box.bits_ - 1)
    hard = sorted({0, -1, top - 1, -top} | {
        sign * (1 << n) + d for n in range(box.bits_ - 1) for d in (-1, 0, 1) for sign in (1, -1)})
    for value in hard:
        for lane in range(box.vector):
            word = [value * (n == lane) for n in range(box.vector)]
            await bench.clock(0, (1 % box.depth, word), 1)
    for _ in range(4):
        await bench.clock(0)
