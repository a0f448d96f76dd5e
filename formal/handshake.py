"""rtl/pipeline.handshake: beats of a pipeline that moves or stands as a whole."""

from amaranth.hdl import Cover, Module
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..rtl.pipeline import Pipeline, handshake
from .box import BITS, Box, FreeStream, drains, follow, holds

LATENCY = 5


class Delay(Component):
    """`handshake` with nothing but registers behind it, as in every box of the vector pipeline."""

    i: In(stream.Signature(BITS))
    o: Out(stream.Signature(BITS))

    def elaborate(self, _platform):
        m = Module()
        advance, _ = handshake(m, self.i, self.o, LATENCY)
        m.d.comb += self.o.payload.eq(Pipeline(m, advance).delay(self.i.payload, LATENCY, "beat"))
        return m


class Properties(FreeStream):
    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = Delay()
        connect(m, flipped(self.i), box.i)
        m.d.comb += box.o.ready.eq(self.take)
        taken = box.o.valid & box.o.ready
        inside = follow(m, enters=box.i.valid & box.i.ready, entering=box.i.payload, leaves=taken,
                        leaving=box.o.payload, most=LATENCY, pick=self.pick)
        drains(m, quiet=~self.i.valid & self.take, inside=inside, clocks=LATENCY)
        holds(m, box.o, "o")
        m.d.comb += [Cover(inside == LATENCY), Cover(taken & (inside == 1) & box.o.payload.all())]
        return m


BOXES = (Box(
    name="handshake", top=Properties, bound=12, cover=12,
    says=f"beats of a pipeline of {LATENCY} registers leave once and in order under any stalls"),)
