"""CrossingQueue: words leave once and in order, whatever the two clocks do to each other.

Time is a row of steps; in each of them either clock may have its edge, or both, or none, so every
ratio and phase of the clocks is among the traces, also ones that change. A bit that crosses may be
seen one step late, each bit for itself: a pointer that changes more than one bit at a time would be
seen as something that it never was.
"""

import itertools
from functools import partial

from amaranth.hdl import (Array, Assert, Cat, Cover, DomainRenamer, EnableInserter, Fragment,
                          Module, Mux, Signal)
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In

from ..rtl.crossing_queue import CrossingQueue
from .box import Box, drains, follow, holds, implies

BITS = 1
PEEKS = ("freed", "written_binary", "written_following", "read_binary", "read_following")
DRAIN = 8  # steps with both edges, besides one for each word, until all is as after reset


class Crossing:
    """A platform whose synchronisers see each bit now or one step late, as `late` says.

    Attributes
    ----------
    stages : dict
        By the domain of its end, the values of a pointer on its way, from its own register on.
    rows : Array
        Of the memory, which is made of registers.
    """

    def __init__(self, late):
        self._late, self.stages = late, {}

    def get_ff_sync(self, synchroniser):
        m, domain = Module(), synchroniser._o_domain
        pointer, seen = synchroniser.i, synchroniser.o
        before = Signal.like(pointer)
        sampled = Signal.like(pointer)
        late = self._late.word_select(len(self.stages), len(pointer))
        m.d.sync += before.eq(pointer)
        m.d[domain] += [sampled.eq(pointer & ~late | before & late), seen.eq(sampled)]
        self.stages[domain] = [pointer, before, sampled, seen]
        return m

    def get_memory(self, memory):
        m, (write,), (read,) = Module(), memory.write_ports, memory.read_ports
        self.rows = Array(Signal(memory.shape, name=f"row_{n}") for n in range(memory.depth))
        with m.If(write.en):
            m.d[write.domain] += self.rows[write.addr].eq(write.data)
        m.d.comb += read.data.eq(self.rows[read.addr])
        return m


def binary(gray):
    """Each bit is the parity of those from it up."""
    return Cat(gray[n:].xor() for n in range(len(gray)))


class Properties(Component):
    """A free stream in, free stalls at the end, free edges, free delays of crossing bits."""

    def __init__(self, depth):
        self._depth, self._pointer = depth, depth.bit_length()
        super().__init__({"i": In(stream.Signature(BITS)), "take": In(1), "pick": In(1),
                          "write_edge": In(1), "read_edge": In(1), "late": In(2 * self._pointer),
                          **{f"peek_{name}": In(self._pointer) for name in PEEKS}})

    def elaborate(self, _platform):
        m = Module()
        box = CrossingQueue(BITS, self._depth, i_domain="write", o_domain="read")
        edges = {"write": self.write_edge, "read": self.read_edge}
        crossing = Crossing(self.late)
        m.submodules.box = DomainRenamer(dict.fromkeys(edges, "sync"))(
            EnableInserter(edges)(Fragment.get(box, crossing)))
        m.d.comb += [
            box.i.valid.eq(self.i.valid), box.i.payload.eq(self.i.payload),
            self.i.ready.eq(box.i.ready & self.write_edge), box.o.ready.eq(self.take),
        ]
        enters = box.i.valid & box.i.ready & self.write_edge
        leaves = box.o.valid & box.o.ready & self.read_edge

        def at(ahead):
            place = self.peek_read_binary + ahead - box.o.valid
            return Mux(box.o.valid & (ahead == 0), box.o.payload,
                       crossing.rows[place[:self._pointer - 1]])

        inside = follow(m, enters=enters, entering=box.i.payload, leaves=leaves, at=at,
                        leaving=box.o.payload, most=self._depth, pick=self.pick)
        holds(m, box.o, "o")
        self._pointers(m, crossing.stages, box, inside)
        self._reach(m, enters, leaves, inside)
        return m

    def _pointers(self, m, stages, box, inside):
        """What makes it inductive: how far each copy of a pointer is behind the writer's."""
        written, *seen_written = (binary(gray) for gray in stages["read"])
        read, *seen_read = (binary(gray) for gray in stages["write"])

        def behind(pointer):
            return (written - pointer)[:self._pointer]

        order = [behind(p) for p in (*seen_written, read, *seen_read, self.peek_freed)]
        m.d.comb += [Assert(a <= b) for a, b in itertools.pairwise(order)]
        m.d.comb += [
            Assert(order[0] <= 1), Assert(order[4] - order[3] <= 1),
            Assert(order[-1] < self._depth), Assert(order[-1] <= box.level + 1),
            implies(box.i.ready, box.level <= self._depth - 3),
            Assert(box.level < self._depth), Assert(inside == behind(read) + box.o.valid),
        ]
        self._drains(m, order, box, inside)
        for name, pointer in (("written", written), ("read", read)):
            value = getattr(self, f"peek_{name}_binary")
            following = getattr(self, f"peek_{name}_following")
            m.d.comb += [Assert(value == pointer),
                         Assert(following == (pointer + 1)[:self._pointer])]

    def _drains(self, m, order, box, inside):
        """At rest, with all edges, a pointer moves on a stage a step, and a word a step leaves."""
        quiet = ~self.i.valid & self.take & self.write_edge & self.read_edge
        rest = drains(m, quiet=quiet, inside=inside | ~box.i.ready, clocks=self._depth + DRAIN)
        seen, read, empty = 3, order[3], self._depth + 3
        m.d.comb += implies((rest >= seen) & (read != 0), read + rest < self._depth + seen)
        after = {1: order[0], 2: order[1], seen: order[2], empty: inside | order[4],
                 empty + 1: order[5], empty + 2: order[6], empty + 3: order[7],
                 empty + 4: box.level}
        m.d.comb += [implies(rest >= steps, value == 0) for steps, value in after.items()]

    def _reach(self, m, enters, leaves, inside):
        """All places that the queue promises are used, and its pointers go round."""
        count = Signal(range(2 * self._depth + 2))
        with m.If(leaves & (count != 2 * self._depth + 1)):
            m.d.sync += count.eq(count + 1)
        m.d.comb += [Cover(inside == self._depth - 1), Cover(count == self._depth + 1)]


def box_of(depth, **more):
    return Box(**{
        "name": f"crossing_queue_{depth}", "top": partial(Properties, depth), "seconds": 900,
        "peeks": {f"peek_{peek}": f"box.{peek}" for peek in PEEKS}, "prove": "induction",
        "steps": 1, "bound": 0, "cover": 0,
        "says": f"words leave a queue of {depth} between two clocks once and in order, at any "
                "ratio and phase; at rest it empties and is ready again", **more})


BOXES = (box_of(4, bound=20, cover=20), box_of(8))
