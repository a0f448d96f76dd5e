"""Words in block RAM that are read from the first one on."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .stream_buffer import StreamBuffer

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


class SequentialStore(Component):
    """Gives `words` in order, one a clock, again from the first one on after `start`.

    Clocks: `start` in clock t, the first word valid in clock t + LATENCY. What follows the last
    word has no meaning.

    Parameters
    ----------
    width : int
    words : sequence of int
    attributes : dict
        Of the memory, for synthesis.

    Members
    -------
    start : In(1)
    o : Out(stream of width)
    """

    LATENCY = 3 + StreamBuffer.LATENCY

    def __init__(self, width, words, attributes=None):
        self.width, self.words = width, list(words)
        self.attributes = attributes or {}
        super().__init__({"start": In(1), "o": Out(stream.Signature(unsigned(width)))})

    def elaborate(self, _platform):
        m = Module()
        address = Signal(range(max(len(self.words), 2)))
        valid, advance = Signal(2), Signal()
        # The blocks are all over the die, far from who takes the words.
        m.submodules.buffer = buffer = ResetInserter(self.start)(
            StreamBuffer(self.o.payload.shape()))
        connect(m, buffer.o, flipped(self.o))
        m.d.comb += [advance.eq(~valid[1] | buffer.i.ready), buffer.i.valid.eq(valid[1])]
        with m.If(advance):
            m.d.sync += [address.eq(address + 1), valid.eq(valid << 1 | 1)]
        chosen = None
        for first, words in reversed(pieces(len(self.words))):
            m.submodules[f"words_{first}"] = memory = Memory(
                shape=unsigned(self.width), depth=max(words, 2), attrs=self.attributes,
                init=self.words[first:first + words])
            read = memory.read_port(domain="comb")
            m.d.comb += read.addr.eq(address - first)
            # Cycle 1: the block RAM's own register. Cycle 2: one beside it, since it is slow.
            word = Signal(self.width, name=f"word_{first}", reset_less=True)
            below = Signal(name=f"below_{first}")
            with m.If(advance):
                m.d.sync += [word.eq(read.data), below.eq(address < first + words)]
            chosen = word if chosen is None else Mux(below, word, chosen)
        with m.If(advance):
            m.d.sync += buffer.i.payload.eq(chosen)
        with m.If(self.start):
            m.d.sync += [address.eq(0), valid.eq(0)]
        return m
