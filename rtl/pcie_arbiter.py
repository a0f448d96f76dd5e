"""Packets of two senders on one way."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out

from .pcie_interfaces import PacketSignature, request_layout


class RequestArbiter(Component):
    """Whole packets, of either sender in turn if both have one.

    Nothing is delayed: headers and beats pass through without a register, the header of the next
    packet in the clock of the last beat of this one.

    Parameters
    ----------
    lanes : int

    Members
    -------
    i : In(PacketSignature(request_layout)), two of them
        Packets with `write` have beats.
    o : Out(PacketSignature(request_layout))
    """

    def __init__(self, lanes):
        packets = PacketSignature(request_layout, lanes)
        super().__init__({"i": In(packets).array(2), "o": Out(packets)})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        after = Signal()  # the sender that has its turn if both have a header
        chosen, waits = Signal(), Signal()  # of a header that is not taken yet
        pick = Signal()
        owner, busy = Signal(), Signal()  # whose beats pass
        free, taken, ended = (Signal(name=name) for name in ("free", "taken", "ended"))
        m.d.comb += [
            pick.eq(Mux(waits, chosen, Mux(after, i[1].headers.valid, ~i[0].headers.valid))),
            ended.eq(o.beats.valid & o.beats.ready & o.beats.payload.last),
            free.eq(~busy | ended), taken.eq(o.headers.valid & o.headers.ready),
        ]
        m.d.sync += [chosen.eq(pick), waits.eq(o.headers.valid & ~o.headers.ready)]
        for n in range(2):
            headers, beats = i[n].headers, i[n].beats
            m.d.comb += [headers.ready.eq(free & (pick == n) & o.headers.ready),
                         beats.ready.eq(busy & (owner == n) & o.beats.ready)]
            with m.If(pick == n):
                m.d.comb += [o.headers.valid.eq(free & headers.valid),
                             o.headers.payload.eq(headers.payload)]
            with m.If(owner == n):
                m.d.comb += [o.beats.valid.eq(busy & beats.valid),
                             o.beats.payload.eq(beats.payload)]
        with m.If(taken):
            m.d.sync += [after.eq(~pick), owner.eq(pick), busy.eq(o.headers.payload.write)]
        with m.Elif(ended):
            m.d.sync += busy.eq(0)
        return m
