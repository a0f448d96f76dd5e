"""Quantiser: an element of a vector becomes one code, with the vector's end at its place."""

from amaranth.hdl import Assume, Cover, Module, Mux, Signal
from amaranth.lib.wiring import Component, In

from ..common.config import Config
from ..common.formats import COMPACT
from ..rtl.quantiser import Quantiser
from .box import Box, drains, follow, holds

BEATS = 2  # of the longest vector
PLACES = 2  # of the queue, few for the solver's sake
# The smallest vectors that a Config takes.
CONFIG = Config(name="quantiser", rows=4, inputs=5, max_hidden=BEATS, max_inner=BEATS,
                memory_words=64, prefetch_words=32, burst_words=4, formats=COMPACT)


class Properties(Component):
    """Free vectors of one or two zeros, free jobs, free stalls.

    What tells an element from others is whether it is the last of its vector. The codes themselves
    are held to the golden model in simulation.
    """

    def __init__(self):
        super().__init__({"valid": In(1), "last": In(1), "job": In(1),
                          "take": In(1), "pick": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = Quantiser(CONFIG, PLACES)
        beat, whole = Signal(range(BEATS)), Signal(range(4))  # vectors with their last element
        entered = box.v.valid & box.v.ready
        asked = box.jobs.valid & box.jobs.ready
        taken = box.codes.valid & box.codes.ready
        m.d.comb += [
            box.v.valid.eq(self.valid), box.v.payload.last.eq(self.last),
            box.jobs.valid.eq(self.job),
            box.codes.ready.eq(self.take), Assume((beat != BEATS - 1) | self.last),
        ]
        with m.If(entered):
            m.d.sync += beat.eq(Mux(self.last, 0, beat + 1))
        m.d.sync += whole.eq(whole + (entered & self.last) - asked)
        inside = follow(
            m, enters=entered, entering=self.last, leaves=taken, leaving=box.codes.payload.last,
            most=2 * BEATS + PLACES + 1, pick=self.pick)
        quiet = ~self.valid & self.job & self.take & (beat == 0)
        drains(m, quiet=quiet, inside=inside,
               clocks=2 * (BEATS + 2) + 2 * Quantiser.latency)
        holds(m, box.codes, "codes")
        m.d.comb += [Cover(whole == 2), Cover(taken & box.codes.payload.last & (inside == 1))]
        return m


BOXES = (Box(
    name="quantiser", top=Properties, bound=10, cover=28, seconds=900,
    says="each element of a vector becomes one code, and the ends of vectors stay in place"),)
