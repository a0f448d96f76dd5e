"""Words in block RAM that are taken one after the other."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In

from .interfaces import WordsSignature

BLOCK_WORDS = 512  # of a block RAM at its widest (Lattice FPGA-TN-02204)


def pieces(depth):
    """(first word, words) of memories whose depths, rounded up, are powers of two blocks.

    So no memory is made of blocks above each other, and few memories are selected from.
    """
    result, first = [], 0
    while depth:
        blocks = max(1, 1 << (depth // BLOCK_WORDS).bit_length() >> 1)
        words = min(depth, blocks * BLOCK_WORDS)
        if depth - words and depth - words < BLOCK_WORDS and blocks == 1:
            words = min(depth, 2 * BLOCK_WORDS)
        result.append((first, words))
        first, depth = first + words, depth - words
    return result


class WordStore(Component):
    """Gives `words` in order, and from the first one again after a reset.

    What follows the last word has no meaning. The blocks are all over the die: nothing enables
    them.

    Parameters
    ----------
    width : int
    words : sequence of int
    attributes : dict
        Of the memory, for synthesis.

    Members
    -------
    o : In(WordsSignature)
    """

    def __init__(self, width, words, attributes=None):
        self.width, self.words = width, list(words)
        self.attributes = attributes or {}
        super().__init__({"o": In(WordsSignature(width))})

    def elaborate(self, _platform):
        m = Module()
        address = Signal(range(max(len(self.words), 2)))
        with m.If(self.o.take):
            m.d.sync += address.eq(address + 1)
        chosen = None
        for first, words in reversed(pieces(len(self.words))):
            m.submodules[f"words_{first}"] = memory = Memory(
                shape=unsigned(self.width), depth=max(words, 2), attrs=self.attributes,
                init=self.words[first:first + words])
            read = memory.read_port(domain="comb")
            m.d.comb += read.addr.eq(address - first)
            # Cycle 0: the block RAM's own register. Cycle 1: one beside it, since it is slow.
            word, beside = (Signal(self.width, name=f"{name}_{first}", reset_less=True)
                            for name in ("word", "beside"))
            inside, below = (Signal(name=f"{name}_{first}", reset_less=True)
                             for name in ("inside", "below"))
            m.d.sync += [word.eq(read.data), beside.eq(word),
                         inside.eq(address < first + words), below.eq(inside)]
            chosen = beside if chosen is None else Mux(below, beside, chosen)
        # Cycle 2: one word.
        given = Signal(self.width, reset_less=True)
        m.d.sync += given.eq(chosen)
        m.d.comb += self.o.word.eq(given)
        return m
