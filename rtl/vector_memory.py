"""Memory of one vector, V elements wide, that knows how large its elements are."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from .arithmetic import bit_length, magnitude

WHOLE = 2048  # words of at least 9 bits fit a block RAM of the ECP5
DEEP = ((4096, 4), (8192, 2))  # words, bits of one (FPGA-TN-02204)
SHALLOW = 128  # words: a memory of more is worth the block RAM that it takes


def style(depth):
    """Attributes that put a memory of `depth` words where it costs least."""
    return {"ram_style": "distributed"} if depth <= SHALLOW else {}


def slice_bits(depth):
    """Bits of a block RAM that holds the whole depth; None where the tool cuts well itself.

    A deep memory made of shallow ones would need a selection behind them, which are slow.
    """
    if depth <= WHOLE:
        return None
    return next((bits for deep, bits in DEEP if depth <= deep), 1)


class VectorMemory(Component):
    """`depth` words of V signed elements, one write and one read a clock; or two reads.

    With `block` in block RAM, however shallow.

    Members
    -------
    address : In, x : Out(V x signed)
        Read: `x` is the word of the `address` of the clock before; of no use if that word was
        written in the same clock, and as before if it was written in the clock before that.
    second_address : In, second_x : Out(V x signed)
        With `second`: another such read.
    write : In(1), write_address : In, write_x : In(V x signed), first : In(1)
        Write; `first` with the first word of a new vector.
    bits : Out(range(bits))
        magnitude_bits of the vector: the smallest b with -2**b <= x < 2**b for all of its
        elements; right `SETTLE` clocks after the last write.
    """

    SETTLE = 3

    def __init__(self, *, depth, bits, vector, track=False, second=False, block=False):
        self.depth, self.bits_, self.vector, self.track = depth, bits, vector, track
        self.attributes = {"no_rw_check": 1, **({} if block else style(depth))}
        word = data.ArrayLayout(signed(bits), vector)
        self.readers = ["", *["second_"] * second]
        super().__init__({
            **{f"{reader}address": In(range(max(depth, 2))) for reader in self.readers},
            **{f"{reader}x": Out(word) for reader in self.readers},
            "write": In(1), "write_address": In(range(max(depth, 2))), "write_x": In(word),
            "first": In(1), "bits": Out(range(bits)),
        })

    def elaborate(self, platform):
        m = Module()
        width = self.bits_ * self.vector
        step = slice_bits(self.depth) or width
        # A clock late, for what writes is far from some of the blocks.
        late = Signal(name="write_late")
        address = Signal.like(self.write_address)
        word = Signal(width, name="write_word", reset_less=True)
        m.d.sync += [late.eq(self.write), address.eq(self.write_address),
                     word.eq(self.write_x.as_value())]
        for low in range(0, width, step):
            bits = min(step, width - low)
            m.submodules[f"memory_{low}"] = memory = Memory(
                shape=bits, depth=self.depth, init=[], attrs=self.attributes)
            write = memory.write_port()
            m.d.comb += [
                write.addr.eq(address), write.data.eq(word[low:low + bits]), write.en.eq(late),
            ]
            for reader in self.readers:
                read = memory.read_port(domain="comb")
                # With it, a block RAM
                given = Signal(bits, name=f"{reader}word_{low}", reset_less=True)
                x = getattr(self, f"{reader}x").as_value()
                m.d.comb += [read.addr.eq(getattr(self, f"{reader}address")),
                             x[low:low + bits].eq(given)]
                m.d.sync += given.eq(read.data)
        if self.track:
            seen = Signal(self.bits_ - 1)
            new = Signal(self.bits_ - 1)
            written = Signal()
            first = Signal()
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
