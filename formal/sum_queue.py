"""SumQueue: every wanted row of every group, once and in order, and never more than fit."""

from amaranth.hdl import Assume, Cat, Const, Cover, Module, Mux, Signal
from amaranth.lib.wiring import Component, In

from ..rtl.sum_queue import SumQueue
from .box import SMALL, Box, drains, holds, implies

DELAY = 2  # clocks from `reserve` to `load`, as the array has some
ROWS = SMALL.rows  # one beat each: vector is 1
PLACES = 2 * ROWS + 1  # of the FIFO; the box itself takes 17, which only makes the solver slow


class Properties(Component):
    """Groups are reserved when there is room and come `DELAY` clocks later, as the array does it.

    The total of a row is one free bit, repeated over its width; so are function and release.
    """

    def __init__(self):
        super().__init__({
            "wish": In(1), "values": In(ROWS), "tag": In(1), "first": In(1), "last": In(1),
            "rows": In(range(ROWS + 1)), "take": In(1), "pick": In(range(ROWS + 1))})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = SumQueue(SMALL, 1, DELAY)
        box.depth = PLACES
        self.reserve = reserve = self.wish & box.room
        coming = Signal(DELAY)
        m.d.sync += coming.eq(Cat(reserve, coming))
        load, group = coming[-1], box.group
        totals = Signal(ROWS)
        held = Signal(box.group_layout)
        fresh = Signal()
        with m.If(load):
            m.d.sync += [totals.eq(self.values), held.eq(group)]
        m.d.sync += fresh.eq(load)
        m.d.comb += [
            box.reserve.eq(reserve), box.load.eq(load), box.sums.ready.eq(self.take),
            group.function.eq(self.tag.replicate(3)), group.release.eq(self.tag),
            group.first.eq(self.first), group.last.eq(self.last), group.rows.eq(self.rows),
            Assume((self.rows != 0) & (self.rows <= ROWS)),
        ]
        for row in range(ROWS):
            m.d.comb += box.totals[0][row].eq(totals[row].replicate(SMALL.accumulator_bits))
        inside = self._follow(m, box, fresh, totals, held)
        quiet = ~self.wish & ~coming.any() & ~fresh & self.take
        drains(m, quiet=quiet, inside=inside, clocks=box.depth + box.latency)
        holds(m, box.sums, "sums")
        m.d.comb += [Cover(inside == box.depth), Cover(reserve & box.sums.valid)]
        return m

    def _follow(self, m, box, fresh, totals, group):
        """Like box.follow, with the beats of a group entering together."""
        wanted = Mux(group.last, group.rows, ROWS)
        inside = Signal(range(2 * box.depth))
        ahead = Signal(range(2 * box.depth))
        leaves = box.sums.valid & box.sums.ready
        m.d.sync += inside.eq(inside + Mux(fresh, wanted, 0) - leaves)
        m.d.comb += [implies(leaves, inside != 0), implies(inside > box.depth, 0)]
        picked = Signal()
        kept = Signal(box.sums_layout.size)
        beat = Signal(box.sums_layout)
        m.d.comb += [
            beat["values"].as_value().eq(totals.bit_select(self.pick[:2], 1).replicate(
                SMALL.accumulator_bits)),
            beat.function.eq(group.function), beat.release.eq(group.release),
            beat.first.eq(group.first & (self.pick == 0)),
            beat.last.eq(group.last & (self.pick == group.rows - 1)),
        ]
        with m.If(picked & leaves):
            m.d.sync += ahead.eq(ahead - 1)
            with m.If(ahead == 0):
                m.d.comb += implies(Const(1, 1), box.sums.payload.as_value() == kept)
                m.d.sync += picked.eq(0)
        with m.If(fresh & (self.pick < wanted) & ~picked):
            m.d.sync += [picked.eq(1), kept.eq(beat), ahead.eq(inside + self.pick - leaves)]
        return inside


BOXES = (Box(
    name="sum_queue", top=Properties, bound=12, cover=24, seconds=900,
    says="the wanted rows of each group leave once and in order, with their marks; no total is "
         "lost to a full FIFO or to the next group"),)
