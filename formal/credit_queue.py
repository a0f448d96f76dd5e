"""rtl/credit_queue: behind a pipeline that never stands, and the credits before it."""

from functools import partial

from amaranth.hdl import Cat, Cover, Module, Signal
from amaranth.lib.wiring import Component, In

from ..rtl.credit_queue import CreditQueue
from .box import Box, drains, follow, holds, implies

BITS, DEPTH = 1, 4
PIPELINE = 2  # clocks


class Properties(Component):
    """Elements that enter as they like while there is room, or was a clock ago; free stalls at the
    end."""

    enter: In(1)
    element: In(BITS)
    take: In(1)
    pick: In(1)

    def __init__(self, late):
        self._late = late
        super().__init__()

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = CreditQueue(BITS, DEPTH, late=self._late)
        room = box.room
        for clock in range(self._late):
            before, room = room, Signal(name=f"room_{clock}")
            m.d.sync += room.eq(before)
        stages = [Signal(1 + BITS, name=f"stage_{n}") for n in range(PIPELINE)]
        m.d.comb += [box.enters.eq(self.enter & room), box.o.ready.eq(self.take),
                     box.i.eq(stages[-1])]
        m.d.sync += [after.eq(before) for before, after in
                     zip([Cat(box.enters, self.element), *stages], stages)]
        taken = box.o.valid & box.o.ready
        inside = follow(m, enters=box.enters, entering=self.element, leaves=taken,
                        leaving=box.o.payload, most=DEPTH + 1, pick=self.pick)
        drains(m, quiet=~self.enter & self.take, inside=inside, clocks=DEPTH + PIPELINE + 1)
        holds(m, box.o, "o")
        m.d.comb += [implies(inside == 0, box.room), Cover(inside == DEPTH + 1),
                     Cover(taken & (inside == DEPTH + 1))]
        return m


SAYS = ("what enters the pipeline leaves once and in order under any stalls; the queue never "
        "overflows, and there is room when nothing is inside")
BOXES = tuple(Box(name=name, top=partial(Properties, late), bound=16, cover=12, says=SAYS)
              for name, late in (("credit_queue", 0), ("credit_queue_late", 1)))
