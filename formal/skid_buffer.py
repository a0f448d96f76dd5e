"""rtl/skid_buffer: the register beside a stream."""

from amaranth.hdl import Cover, Module
from amaranth.lib.wiring import connect, flipped

from ..rtl.skid_buffer import SkidBuffer
from .box import BITS, Box, FreeStream, drains, follow, holds, implies


class Properties(FreeStream):
    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = SkidBuffer(BITS)
        connect(m, flipped(self.i), box.i)
        m.d.comb += box.o.ready.eq(self.take)
        entered, taken = box.i.valid & box.i.ready, box.o.valid & box.o.ready
        through = entered & taken  # in the same clock
        inside = follow(m, enters=entered & ~through, entering=box.i.payload,
                        leaves=taken & ~through, leaving=box.o.payload, most=1, pick=self.pick)
        drains(m, quiet=~self.i.valid & self.take, inside=inside, clocks=1)
        holds(m, box.o, "o")
        m.d.comb += [
            implies(through, (box.o.payload == box.i.payload) & (inside == 0)),
            implies(box.i.ready, inside == 0), implies(inside == 0, box.i.ready),
            Cover(through), Cover(taken & (inside == 1)),
        ]
        return m


BOXES = (Box(
    name="skid_buffer", top=Properties, bound=12, cover=6,
    says="payloads leave once and in order under any stalls, at once when nobody stalls; ready "
         "while none is held"),)
