"""Quantiser: an element of a vector is one code, in order, with the vector's end at its place."""

from unittest.mock import patch

from amaranth.hdl import Assume, Cat, Cover, Module, Mux, Signal, signed
from amaranth.lib.wiring import Component, In, Out

from ..common.config import Config
from ..common.formats import COMPACT
from ..rtl import quantiser
from .box import Box, drains, follow, holds

BEATS = 2  # of the longest vector
# The smallest vectors that a Config takes.
CONFIG = Config(name="quantiser", rows=4, inputs=5, max_hidden=BEATS, max_inner=BEATS,
                memory_words=64, prefetch_words=32, burst_words=4, formats=COMPACT)


class Passing(Component):
    """A Multiplier that takes as long and multiplies by 2**reciprocal_frac.

    The proof is of the order of the codes; the products are held to the golden model in
    simulation.
    """

    LATENCY = quantiser.Multiplier.LATENCY

    def __init__(self, x, y):
        super().__init__({"advance": In(1), "x": In(x), "y": In(y),
                          "product": Out(signed(x.width + y.width))})

    def elaborate(self, _platform):
        m, x = Module(), self.x
        for n in range(self.LATENCY):
            later = Signal.like(self.x, name=f"x_{n}", reset_less=True)
            with m.If(self.advance):
                m.d.sync += later.eq(x)
            x = later
        m.d.comb += self.product.eq(x << CONFIG.formats.reciprocal_frac)
        return m


class Ordered(quantiser.Quantiser):
    """The box with Passing in place of its multipliers."""

    def elaborate(self, platform):
        with patch.object(quantiser, "Multiplier", Passing):
            return super().elaborate(platform)


class Properties(Component):
    """Free vectors of one or two elements, each 0 or 1; free jobs that change nothing."""

    def __init__(self):
        super().__init__({"valid": In(1), "bit": In(1), "last": In(1), "job": In(1),
                          "take": In(1), "pick": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = Ordered(CONFIG)
        beat, whole = Signal(range(BEATS)), Signal(range(4))  # vectors with their last element
        entered = box.v.valid & box.v.ready
        asked = box.jobs.valid & box.jobs.ready
        taken = box.codes.valid & box.codes.ready
        m.d.comb += [
            box.v.valid.eq(self.valid), box.v.payload.values[0].eq(self.bit),
            box.v.payload.last.eq(self.last), box.jobs.valid.eq(self.job),
            box.codes.ready.eq(self.take), Assume((beat != BEATS - 1) | self.last),
        ]
        with m.If(entered):
            m.d.sync += beat.eq(Mux(self.last, 0, beat + 1))
        m.d.sync += whole.eq(whole + (entered & self.last) - asked)
        inside = follow(
            m, enters=entered, entering=Cat(self.bit, self.last), leaves=taken,
            leaving=Cat(box.codes.payload.codes[0][0], box.codes.payload.last),
            most=2 * BEATS + quantiser.Quantiser.latency, pick=self.pick)
        quiet = ~self.valid & self.job & self.take & (beat == 0)
        drains(m, quiet=quiet, inside=inside,
               clocks=2 * (BEATS + 1) + quantiser.Quantiser.latency)
        holds(m, box.codes, "codes")
        m.d.comb += [Cover(whole == 2), Cover(taken & box.codes.payload.last & (inside == 1))]
        return m


BOXES = (Box(
    name="quantiser", top=Properties, bound=10, cover=28, seconds=900,
    says="each element leaves as one code, in order, with the end of its vector; products are "
         "replaced by registers"),)
