"""Memory of one vector, V elements wide, that knows how large its elements are."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from .arithmetic import bit_length, magnitude


SHALLOW = 128  # words: a memory of more is worth the block RAM that it takes


def style(depth):
    """Attributes that put a memory of `depth` words where it costs least."""
    return {"ram_style": "distributed"} if depth <= SHALLOW else {}


class VectorMemory(Component):
    """`depth` words of V signed elements, one write and one read a clock.

    Members
    -------
    address : In, x : Out(V x signed)
        Read: `x` is the word of the `address` of the clock before; of no use if that word was
        written in the same clock.
    write : In(1), write_address : In, write_x : In(V x signed), first : In(1)
        Write; `first` with the first word of a new vector.
    bits : Out(range(bits))
        magnitude_bits of the vector: the smallest b with -2**b <= x < 2**b for all of its
        elements; right `SETTLE` clocks after the last write.
    """

    SETTLE = 3

    def __init__(self, *, depth, bits, vector, track=False):
        self.depth, self.bits_, self.vector, self.track = depth, bits, vector, track
        word = data.ArrayLayout(signed(bits), vector)
        super().__init__({
            "address": In(range(max(depth, 2))), "x": Out(word),
            "write": In(1), "write_address": In(range(max(depth, 2))), "write_x": In(word),
            "first": In(1), "bits": Out(range(bits)),
        })

    def elaborate(self, platform):
        m = Module()
        width = self.bits_ * self.vector
        m.submodules.memory = memory = Memory(shape=width, depth=self.depth, init=[],
                                               attrs={"no_rw_check": 1, **style(self.depth)})
        read, write = memory.read_port(domain="comb"), memory.write_port()
        word = Signal(width, reset_less=True)  # with the memory, a block RAM
        m.d.comb += [
            read.addr.eq(self.address), self.x.as_value().eq(word),
            write.addr.eq(self.write_address), write.data.eq(self.write_x.as_value()),
            write.en.eq(self.write),
        ]
        m.d.sync += word.eq(read.data)
        if self.track:
            seen, new = Signal(self.bits_ - 1), Signal(self.bits_ - 1)
            written, first = Signal(), Signal()
            # Cycle 1: of the word
            m.d.sync += [
                new.eq(reduce(or_, (magnitude(self.write_x[n]) for n in range(self.vector)))),
                written.eq(self.write), first.eq(self.first)]
            # Cycle 2: of the vector
            with m.If(written):
                m.d.sync += seen.eq(Mux(first, 0, seen) | new)
            # Cycle 3
            m.d.sync += self.bits.eq(bit_length(seen))
        return m
