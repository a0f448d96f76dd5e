"""Two registers between two streams, so that no `ready` passes through."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out


class StreamBuffer(Component):
    """Holds up to two payloads. `valid`, `ready` and payloads come straight from registers.

    Latency: 1 clock, accepted to valid; one payload a clock. A payload is accepted while fewer than
    two are held: from the clock after the one two before it was taken.

    Parameters
    ----------
    shape : shape-like
        Of the payload.

    Members
    -------
    i : In(stream of shape), o : Out(stream of shape)
    """

    LATENCY = 1

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        # Not its inverse: an inverter that all who look at `ready` share is far from some of them.
        waiting, given = (Signal(i.payload.shape(), name=name, reset_less=True)
                          for name in ("waiting", "given"))
        room = Signal(init=1)
        m.d.comb += [i.ready.eq(room), o.payload.eq(given)]
        with m.If(room):
            m.d.sync += waiting.eq(i.payload)
        with m.If(o.ready | ~o.valid):
            m.d.sync += [o.valid.eq(i.valid | ~room), room.eq(1)]
            with m.If(room):
                m.d.sync += given.eq(i.payload)
            with m.Else():
                m.d.sync += given.eq(waiting)
        with m.Elif(i.valid):
            m.d.sync += room.eq(0)
        return m
