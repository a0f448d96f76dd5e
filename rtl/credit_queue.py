"""What leaves a pipeline that never stands waits here; credits keep it from being too much."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out


class CreditQueue(Component):
    """The end of a pipeline without enables: its stages move in every clock.

    An element may enter the pipeline in a clock with `room`, which `enters` reports; `latency`
    clocks later it is at `i`, whose `valid` nobody may refuse. It is at `o` a clock after that, or
    in the clock after `o` took the one before it. A place is free again, so that `room` can rise,
    FREED clocks after its element was passed to `o`; so `depth` is enough for an element a clock
    through pipelines of up to depth - FREED - late clocks.

    Parameters
    ----------
    shape : shape-like
        Of the payload.
    depth : int
        A power of two.
    late : int
        So many clocks after `room` fell elements may still enter; for those who look at it late.

    Members
    -------
    enters : In(1), room : Out(1)
        Both of the same clock. `room` is a register.
    i : In({valid: 1, payload: shape})
    o : Out(stream of shape)
        From registers.
    """

    DEPTH = 16
    FREED = 2
    LATENCY = 1

    def __init__(self, shape, depth=DEPTH, *, late=0):
        self._depth, self._late = depth, late
        super().__init__({
            "enters": In(1), "room": Out(1, init=1),
            "i": In(data.StructLayout({"valid": 1, "payload": shape})),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        i, o, depth = self.i, self.o, self._depth
        m.submodules.waiting = memory = Memory(
            shape=o.payload.shape(), depth=depth, init=[],
            attrs={"ram_style": "distributed", "no_rw_check": 1})
        write, read = memory.write_port(), memory.read_port(domain="comb")
        take = Signal()
        passed = Signal()
        some = Signal()  # of `level`
        level = Signal(range(depth + 1))
        keep = Signal()
        m.d.comb += [
            take.eq(o.ready | ~o.valid), passed.eq(take & (some | i.valid)),
            keep.eq(i.valid & (some | ~take)),
            # What is not kept is written over.
            write.en.eq(i.valid), write.data.eq(i.payload),
        ]
        given = Signal(o.payload.shape(), reset_less=True)
        m.d.comb += o.payload.eq(given)
        with m.If(take):
            m.d.sync += [o.valid.eq(some | i.valid), given.eq(Mux(some, read.data, i.payload))]
        with m.If(keep):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(take & some):
            m.d.sync += read.addr.eq(read.addr + 1)
        with m.If(keep & ~(take & some)):
            m.d.sync += [level.eq(level + 1), some.eq(1)]
        with m.Elif(take & some & ~keep):
            m.d.sync += [level.eq(level - 1), some.eq(level != 1)]

        # Places that are neither filled nor promised, but for those kept for who is late
        places = Signal(range(-self._late, depth - self._late + 1), init=depth - self._late)
        freed = Signal()
        m.d.sync += freed.eq(passed)
        with m.If(self.enters & ~freed):
            m.d.sync += [places.eq(places - 1), self.room.eq(places > 1)]
        with m.Elif(freed & ~self.enters):
            m.d.sync += [places.eq(places + 1), self.room.eq(places >= 0)]
        return m
