"""rtl/stream_buffer: the two registers between two streams."""

from amaranth.hdl import Cover, Module, Signal
from amaranth.lib.wiring import connect, flipped

from ..rtl.stream_buffer import StreamBuffer
from .box import BITS, Box, FreeStream, drains, follow, holds, implies

HELD = 2


class Properties(FreeStream):
    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = StreamBuffer(BITS)
        connect(m, flipped(self.i), box.i)
        m.d.comb += box.o.ready.eq(self.take)
        entered, taken = box.i.valid & box.i.ready, box.o.valid & box.o.ready
        inside = follow(m, enters=entered, entering=box.i.payload, leaves=taken,
                        leaving=box.o.payload, most=HELD, pick=self.pick)
        drains(m, quiet=~self.i.valid & self.take, inside=inside, clocks=HELD)
        holds(m, box.o, "o")
        full_rate = Signal(2)
        moved = entered & taken
        m.d.sync += full_rate.eq((full_rate << 1) | moved)
        m.d.comb += [
            implies(inside < HELD, box.i.ready), implies(inside != 0, box.o.valid),
            Cover(inside == HELD), Cover(full_rate.all() & moved),
        ]
        return m


BOXES = (Box(
    name="stream_buffer", top=Properties, bound=12, cover=8,
    says="payloads leave once and in order under any stalls; ready while fewer than two are held, "
         "valid while one is"),)
