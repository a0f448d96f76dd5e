"""WordStore against the list of its words."""

import random

import cocotb
from cocotb.triggers import RisingEdge

from ..rtl.interfaces import WordsSignature
from .streams import parameters, start


@cocotb.test
@cocotb.parametrize(pause=[0, 0.6])
async def words_come_in_order_and_from_the_first_one_again(dut, pause):
    """Taken at random, reset at random: each word DELAY clocks after it was taken."""
    words, generator = parameters()["words"], random.Random(7)
    dut.o__take.value = 0
    await start(dut)
    place, coming = 0, [None] * WordsSignature.DELAY
    for round_ in range(3):
        for clock in range(2 * len(words)):
            take = int(place < len(words) and generator.random() >= pause)
            begin = int(generator.random() * len(words) < 0.5 or clock == 2 * len(words) - 1)
            dut.o__take.value, dut.rst.value = take, begin
            await RisingEdge(dut.clk)
            if (due := coming.pop(0)) is not None:
                assert dut.o__word.value == words[due], f"word {due}, round {round_}"
            coming.append(place if take else None)
            place = 0 if begin else place + take
