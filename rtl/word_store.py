"""Words in block RAM that are taken one after the other."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In

from .interfaces import WordsSignature
from .sequential_store import pieces


class WordStore(Component):
    """Gives `words` in order, and from the first one again after `start`.

    `start` in clock t, the first word may be taken in clock t + 1. What follows the last word has
    no meaning.

    Parameters
    ----------
    width : int
    words : sequence of int

    Members
    -------
    start : In(1)
    o : In(WordsSignature)
    """

    def __init__(self, width, words):
        self.width, self.words = width, list(words)
        super().__init__({"start": In(1), "o": In(WordsSignature(width))})

    def elaborate(self, _platform):
        m = Module()
        address = Signal(range(max(len(self.words), 2)))
        with m.If(self.o.take):
            m.d.sync += address.eq(address + 1)
        with m.If(self.start):
            m.d.sync += address.eq(0)
        chosen, parts = 0, pieces(len(self.words))
        for first, words in parts:
            m.submodules[f"words_{first}"] = memory = Memory(
                shape=unsigned(self.width), depth=max(words, 2),
                init=self.words[first:first + words])
            read = memory.read_port(domain="comb")
            m.d.comb += read.addr.eq(address - first)
            # Cycle 0: the block RAM's own register, whose reset selects. Cycle 1: one beside it,
            # since it is slow.
            word = Signal(self.width, name=f"word_{first}", reset_less=True)
            inside = (address >= first) & (address < first + words)
            m.d.sync += word.eq(Mux(inside, read.data, 0) if len(parts) > 1 else read.data)
            chosen |= word
        beside = Signal(self.width, reset_less=True)
        m.d.sync += beside.eq(chosen)
        m.d.comb += self.o.word.eq(beside)
        return m
