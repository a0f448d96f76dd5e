"""Words in block RAM that are read at any address."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from .vector_memory import WHOLE, slice_bits

BYTE = 9  # bits of a word of a block RAM that is WHOLE words deep


class RowStore(Component):
    """Gives the word at `address` of LATENCY clocks before, one a clock.

    A deep store is cut so that no bit of a block RAM is left over: as many bits as make up BYTEs in
    banks of one block, with a register in front of the selection among them, the others in memories
    that are as deep as the store.

    Parameters
    ----------
    width : int
    words : sequence of int

    Members
    -------
    address : In(range(len(words)))
    word : Out(width)
    """

    LATENCY = 3

    def __init__(self, width, words):
        self.width, self.words = width, list(words)
        super().__init__({"address": In(range(max(len(self.words), 2))), "word": Out(width)})

    def elaborate(self, _platform):
        m = Module()
        depth, deep = len(self.words), slice_bits(len(self.words))
        banks = self.address[(WHOLE - 1).bit_length():]
        bank = [Signal.like(banks, name=f"bank_{clock}", reset_less=True) for clock in (1, 2)]
        m.d.sync += [bank[0].eq(banks), bank[1].eq(bank[0])]
        low = 0
        while low < self.width:
            left = self.width - low
            bits, words = (left, depth) if not deep else (
                (BYTE, WHOLE) if left >= BYTE else (min(deep, left), depth))
            given = [self.block(m, low, bits, first, words) for first in range(0, depth, words)]
            # Cycle 3
            chosen = Array(given)[bank[1]] if len(given) > 1 else given[0]
            m.d.sync += self.word[low:low + bits].eq(chosen)
            low += bits
        return m

    def block(self, m, low, bits, first, words):
        """Cycles 1 and 2: some bits of some words, out of a block RAM that registers them."""
        part = [word >> low & (1 << bits) - 1 for word in self.words[first:first + words]]
        m.submodules[f"words_{low}_{first}"] = memory = Memory(
            shape=bits, depth=max(words, 2), init=part)
        read = memory.read_port(domain="comb")
        given = [Signal(bits, name=f"given_{low}_{first}_{clock}", reset_less=True)
                 for clock in (1, 2)]
        m.d.comb += read.addr.eq(self.address)
        m.d.sync += [given[0].eq(read.data), given[1].eq(given[0])]
        return given[1]
