"""RowStore against the list of its words."""

import random

import cocotb
from cocotb.triggers import RisingEdge

from ..rtl.row_store import RowStore
from .streams import parameters, start

CLOCKS = 2000


def contents(width, depth):
    """Words at random."""
    generator = random.Random(depth)
    return [generator.getrandbits(width) for _ in range(depth)]


@cocotb.test
async def words_are_those_of_the_addresses(dut):
    """An address at random in each clock, often next to the one before: its word comes later."""
    words, generator = contents(**parameters()), random.Random(9)
    await start(dut)
    coming, address = [None] * RowStore.LATENCY, 0
    for _ in range(CLOCKS):
        near = generator.random() < 0.5
        address = (address + 1 if near else generator.randrange(len(words))) % len(words)
        dut.address.value = address
        await RisingEdge(dut.clk)
        if (due := coming.pop(0)) is not None:
            assert dut.word.value == words[due], f"word {due}"
        coming.append(address)
