"""UART: a byte sent is the byte received, and the receive FIFO keeps their order."""

from amaranth.hdl import Assume, Cover, Module
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, connect, flipped

from ..rtl.uart import UART
from .box import Box, drains, follow, holds

CLOCKS_PER_BIT = 4  # the fewest that are allowed
DEPTH = 3
BYTE_CLOCKS = 10 * CLOCKS_PER_BIT


class Properties(Component):
    """The transmitter's pin on the receiver's; the sender stops while the FIFO may be full."""

    i: In(stream.Signature(8))
    take: In(1)
    pick: In(1)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = UART(clock_hz=CLOCKS_PER_BIT, baud=1, depth=DEPTH)
        connect(m, flipped(self.i), box.i)
        m.d.comb += [box.rx.eq(box.tx), box.o.ready.eq(self.take)]
        taken = box.o.valid & box.o.ready
        inside = follow(m, enters=box.i.valid & box.i.ready, entering=box.i.payload, leaves=taken,
                        leaving=box.o.payload, most=DEPTH, pick=self.pick)
        m.d.comb += Assume(~self.i.valid | (inside < DEPTH))
        drains(m, quiet=~self.i.valid & self.take, inside=inside, clocks=2 * BYTE_CLOCKS)
        holds(m, box.o, "o")
        m.d.comb += [Cover(taken & (inside == 1) & (box.o.payload == 0xa5)), Cover(inside == 2)]
        return m


BOXES = (Box(
    name="uart", top=Properties, bound=BYTE_CLOCKS + 20, cover=4 * BYTE_CLOCKS, prove=None,
    why="a byte on the line is 40 clocks of state, which the solver does not find a way around",
    says="bytes sent arrive once and in order over a line with the fewest clocks a bit"),)
