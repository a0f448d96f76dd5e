"""Writes the embedding of a token into the residual."""

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out


class Embedder(Component):
    """golden.embedding: beats of V pairs of slots -> residual = embedding << shift.

    The lower embedding_bits of a slot are an element, signed. Two words of V elements a beat, one a
    clock. Of a resident model, a beat has the V elements of one word, and no slots.

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
        for lane in range(v):
            slot = elements.word_select(half * v + lane, slot_bits)
            element = slot[:f.embedding_bits].as_signed()
            m.d.comb += self.x[lane].eq(element << self.shift)
        m.d.comb += [
            self.write.eq(self.embeddings.valid & inside), self.address.eq(address),
            self.first.eq(address == 0), self.embeddings.ready.eq(1 if self.narrow else half),
        ]
        with m.If(self.embeddings.valid):
            m.d.sync += half.eq(~half)
            with m.If(inside):
                m.d.sync += address.eq(address + 1)
        with m.If(self.start):
            m.d.sync += address.eq(0)
        # The memory's `bits` are right two clocks after the last write.
        age = Signal(2)
        m.d.sync += age.eq(age << 1 | (address == words))
        m.d.comb += self.settled.eq(age.all() & (address == words) & ~self.embeddings.valid)
        return m
