"""Writes the embedding of a token into the residual."""

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from .vector_memory import VectorMemory

WRITE = 2  # clocks from an element to its write


class Embedder(Component):
    """golden.embedding: beats of V pairs of slots -> residual = embedding << shift.

    The lower embedding_bits of a slot are an element, signed. Of a resident model, a beat has the V
    elements of one word, and no slots.

    Two words of V elements a beat, one a clock; written two clocks after they were there, since
    they come straight out of a memory.

    Members
    -------
    embeddings : In(stream of V x pair_bits, or of V x embedding_bits)
    shift : In(embedding_shift_bits)
    hidden : In(16)
        Elements of a row; what is beyond is padding and is dropped.
    write, address, x, first : Out
        To the residual memory.
    start : In(1)
        Pulse before the row's first beat.
    settled : Out(1)
        All of the row is in the memory, and the memory knows its size.
    """

    def __init__(self, config):
        formats = config.formats
        self.config, self.formats = config, formats
        depth = config.max_hidden // config.vector
        self.narrow = config.weights == "resident"
        bits = formats.embedding_bits if self.narrow else formats.pair_bits
        super().__init__({
            "embeddings": In(stream.Signature(data.ArrayLayout(unsigned(bits), config.vector))),
            "shift": In(formats.embedding_shift_bits), "hidden": In(16),
            "start": In(1), "settled": Out(1),
            "write": Out(1), "address": Out(range(max(depth, 2))), "first": Out(1),
            "x": Out(data.ArrayLayout(signed(formats.residual_bits), config.vector)),
        })

    def elaborate(self, platform):
        m, v, f = Module(), self.config.vector, self.formats
        half = Signal(0 if self.narrow else 1)  # of the beat
        slot_bits = f.embedding_bits if self.narrow else f.slot_bits
        address = Signal(17)
        words = Signal(17)
        m.d.sync += words.eq((self.hidden + (v - 1)) // v)
        inside = address < words
        elements = self.embeddings.payload.as_value()
        m.d.comb += self.embeddings.ready.eq(1 if self.narrow else half)
        # Cycle 1: out of the FIFO
        write = Signal()
        element_address = Signal.like(self.address)
        m.d.sync += [write.eq(self.embeddings.valid & inside), element_address.eq(address)]
        for lane in range(v):
            slot = elements.word_select(half * v + lane, slot_bits)
            element = Signal(signed(f.embedding_bits), name=f"element_{lane}")
            m.d.sync += element.eq(slot[:f.embedding_bits])
            # Cycle 2: shifted
            m.d.sync += self.x[lane].eq(element << self.shift)
        m.d.sync += [self.write.eq(write), self.address.eq(element_address),
                     self.first.eq(element_address == 0)]
        with m.If(self.embeddings.valid):
            m.d.sync += half.eq(~half)
            with m.If(inside):
                m.d.sync += address.eq(address + 1)
        with m.If(self.start):
            m.d.sync += address.eq(0)
        # All written, and for as long as the memory takes to know its `bits`; `start` comes long
        # before anyone asks again.
        age = Signal(WRITE + VectorMemory.SETTLE)
        m.d.sync += [age.eq(age << 1 | (address == words)),
                     self.settled.eq(age[:-1].all() & (address == words))]
        return m
