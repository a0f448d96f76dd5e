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
        chosen = None
        for first, words in reversed(pieces(len(self.words))):
            m.submodules[f"words_{first}"] = memory = Memory(
                shape=unsigned(self.width), depth=max(words, 2),
                init=self.words[first:first + words])
            read = memory.read_port(domain="comb")
            m.d.comb += read.addr.eq(address - first)
            # Cycle 0: the block RAM's own register. Cycle 1: one beside it, since it is slow and
            # the blocks are all over the die.
            word, beside = (Signal(self.width, name=f"{name}_{first}", reset_less=True)
                            for name in ("word", "beside"))
            inside, below = (Signal(name=f"{name}_{first}") for name in ("inside", "below"))
            m.d.sync += [word.eq(read.data), beside.eq(word),
                         inside.eq(address < first + words), below.eq(inside)]
            chosen = beside if chosen is None else Mux(below, beside, chosen)
        # Cycle 2: one word.
        given = Signal(self.width, reset_less=True)
        m.d.sync += given.eq(chosen)
        m.d.comb += self.o.word.eq(given)
        return m
