"""CrossingQueue: words leave once and in order, whatever the two clocks do to each other.

Time is a row of steps; in each of them either clock may have its edge, or both, or none, so every
ratio and phase of the clocks is among the traces, also ones that change. A bit that crosses may be
seen one step late, each bit for itself: a pointer that changes more than one bit at a time would be
seen as something that it never was.
"""

from functools import partial

from amaranth.hdl import (Cover, DomainRenamer, Elaboratable, EnableInserter, Fragment, Module,
                          Signal)
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In

from ..rtl.crossing_queue import CrossingQueue
from .box import Box, drains, follow, holds

BITS = 1
DRAIN = 6  # steps with both edges, besides one for each word


class Crossing:
    """A platform whose synchronisers see each bit now or one step late, as `late` says."""

    def __init__(self, late):
        self._late, self._used = late, 0

    def get_ff_sync(self, synchroniser):
        m, bits, domain = Module(), len(synchroniser.i), synchroniser._o_domain
        before, sampled = Signal(bits), Signal(bits)
        late = self._late[self._used:self._used + bits]
        self._used += bits
        m.d.sync += before.eq(synchroniser.i)
        m.d[domain] += [
            sampled.eq(synchroniser.i & ~late | before & late),
            synchroniser.o.eq(sampled),
        ]
        return m


class Steps(Elaboratable):
    """The queue with edges of its domains where `write_edge` and `read_edge` say so."""

    def __init__(self, queue, crossing, edges):
        self._queue, self._crossing, self._edges = queue, crossing, edges

    def elaborate(self, _platform):
        queue = Fragment.get(self._queue, self._crossing)
        return DomainRenamer(dict.fromkeys(self._edges, "sync"))(EnableInserter(self._edges)(queue))


class Properties(Component):
    """A free stream in, free stalls at the end, free edges, free delays of crossing bits."""

    def __init__(self, depth):
        self._depth, self._pointer = depth, depth.bit_length()
        super().__init__({"i": In(stream.Signature(BITS)), "take": In(1), "pick": In(1),
                          "write_edge": In(1), "read_edge": In(1), "late": In(2 * self._pointer)})

    def elaborate(self, _platform):
        m = Module()
        box = CrossingQueue(BITS, self._depth, i_domain="write", o_domain="read")
        m.submodules.box = Steps(box, Crossing(self.late),
                                 {"write": self.write_edge, "read": self.read_edge})
        m.d.comb += [
            box.i.valid.eq(self.i.valid), box.i.payload.eq(self.i.payload),
            self.i.ready.eq(box.i.ready & self.write_edge), box.o.ready.eq(self.take),
        ]
        enters = box.i.valid & box.i.ready & self.write_edge
        leaves = box.o.valid & box.o.ready & self.read_edge
        inside = follow(m, enters=enters, entering=box.i.payload, leaves=leaves,
                        leaving=box.o.payload, most=self._depth + 1, pick=self.pick)
        quiet = ~self.i.valid & self.take & self.write_edge & self.read_edge
        clocks = self._depth + DRAIN
        drains(m, quiet=quiet, inside=inside, clocks=clocks)
        drains(m, quiet=quiet, inside=~box.i.ready, clocks=clocks + DRAIN, name="accepts")
        holds(m, box.o, "o")
        self._reach(m, enters, leaves, inside)
        return m

    def _reach(self, m, enters, leaves, inside):
        """All places that the queue promises are used, and its pointers go round."""
        count = Signal(range(2 * self._depth + 2))
        with m.If(leaves & (count != 2 * self._depth + 1)):
            m.d.sync += count.eq(count + 1)
        m.d.comb += [Cover(inside == self._depth - 1), Cover(count == self._depth + 1)]


BOXES = tuple(Box(
    name=f"crossing_queue_{depth}", top=partial(Properties, depth), bound=20, cover=60, seconds=900,
    says=f"words leave a queue of {depth} between two clocks once and in order, at any ratio and "
         "phase, and it can be filled and emptied again") for depth in (4, 8))
