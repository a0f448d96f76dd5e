"""Quantiser: an element of a vector becomes one code, with the vector's end at its place."""

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Mux, Signal
from amaranth.lib.wiring import Component, In

from ..common.config import Config
from ..common.formats import COMPACT
from ..rtl.quantiser import CODE_BITS, Quantiser
from .box import Box, drains, follow, implies

BEATS = 2  # of the longest vector
# The smallest vectors that a Config takes.
CONFIG = Config(name="quantiser", rows=4, inputs=5, max_hidden=BEATS, max_inner=BEATS,
                memory_words=64, prefetch_words=32, burst_words=4, formats=COMPACT)


class Properties(Component):
    """Free vectors of one or two zeros, free jobs, a queue that has room when it likes.

    What tells an element from others is whether it is the last of its vector. The codes themselves
    are held to the golden model in simulation. The queue at the end is cut off: proof credit_queue
    says that it neither loses nor reorders what came while there was room.
    """

    def __init__(self):
        super().__init__({"valid": In(1), "last": In(1), "job": In(1), "pick": In(1),
                          "room": In(1), "read": In(1), "read_last": In(1),
                          "made": In(2 + CODE_BITS)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = Quantiser(CONFIG)
        beat = Signal(range(BEATS))
        whole = Signal(range(4))  # vectors with their last element
        entered = box.v.valid & box.v.ready
        asked = box.jobs.valid & box.jobs.ready
        m.d.comb += [
            box.v.valid.eq(self.valid), box.v.payload.last.eq(self.last),
            box.jobs.valid.eq(self.job), Assume((beat != BEATS - 1) | self.last),
        ]
        with m.If(entered):
            m.d.sync += beat.eq(Mux(self.last, 0, beat + 1))
        m.d.sync += whole.eq(whole + (entered & self.last) - asked)
        inside = follow(m, enters=entered, entering=self.last, leaves=self.read,
                        leaving=self.read_last, most=2 * BEATS, pick=self.pick)
        quiet = ~self.valid & self.job & self.room & (beat == 0)
        drains(m, quiet=quiet, inside=inside, clocks=2 * (BEATS + 2))
        # From the read to the queue it is a shift register.
        late = Cat(self.read, self.read_last)
        for _ in range(Quantiser.latency - 2):
            before = late
            late = Signal(2)
            m.d.sync += late.eq(before)
        made = Cat(self.made[0], self.made[-1])  # valid, last
        m.d.comb += [implies(self.read, self.room), Assert(made[0] == late[0]),
                     implies(late[0], made[1] == late[1]),
                     Cover(whole == 2), Cover(made.all() & (inside == 0))]
        return m


BOXES = (Box(
    name="quantiser", top=Properties, bound=16, cover=28, seconds=900,
    cuts=("box.queue.room",), peeks={
        "room": "box.queue.room", "read": "box.queue.enters", "read_last": "box.read_last",
        "made": "box.queue.i"},
    says="each element of a vector becomes one code, and the ends of vectors stay in place"),)
