"""A register beside a stream, so that `ready` does not pass through and nothing comes later."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out


class SkidBuffer(Component):
    """Holds a payload that was accepted and not taken at once. `i.ready` comes from a register.

    Latency: none; one payload a clock. A payload is accepted while none is held: after a held one,
    from the clock after it was taken.

    Parameters
    ----------
    shape : shape-like
        Of the payload.

    Members
    -------
    i : In(stream of shape), o : Out(stream of shape)
    """

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        held = Signal(i.payload.shape(), reset_less=True)
        room = Signal(init=1)
        m.d.comb += [i.ready.eq(room), o.valid.eq(~room | i.valid),
                     o.payload.eq(Mux(room, i.payload, held))]
        m.d.sync += room.eq(~o.valid | o.ready)
        with m.If(room):
            m.d.sync += held.eq(i.payload)
        return m
