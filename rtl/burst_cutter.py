"""Cuts reads of consecutive words where an AXI burst has to end."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out


class BurstCutter(Component):
    """Requests for words -> bursts of the lines that these lie in.

    Three clocks for the first burst of a request, two for each further one.

    Parameters
    ----------
    geometry : axi_interfaces.AxiGeometry
    request : layout of {address, words}

    Members
    -------
    i : In(stream of {address, words})
        words >= 1.
    o : Out(stream of geometry.burst)
    idle : Out(1)
        Every burst of what was taken has been given.
    """

    def __init__(self, geometry, request):
        self._geometry = geometry
        super().__init__({"i": In(stream.Signature(request)),
                          "o": Out(stream.Signature(geometry.burst)), "idle": Out(1)})

    def elaborate(self, _platform):
        m, geometry = Module(), self._geometry
        line = Signal(geometry.line_address_bits, reset_less=True)
        left = Signal(8, reset_less=True)  # lines - 1 that no burst has taken yet
        room = Signal(range(geometry.read_lines), reset_less=True)  # lines - 1 before the limit
        crosses = Signal()
        request, burst = self.i.payload, self.o.payload
        m.d.comb += [crosses.eq(left > room), burst.line.eq(line),
                     burst.last.eq(Mux(crosses, room, left))]
        with m.FSM():
            with m.State("TAKE"):
                m.d.comb += [self.i.ready.eq(1), self.idle.eq(1)]
                end = geometry.offset_of(request.address) + request.words - 1
                m.d.sync += [line.eq(geometry.line_of(request.address)),
                             left.eq(geometry.line_of(end[:9]))]
                with m.If(self.i.valid):
                    m.next = "MEASURE"
            with m.State("MEASURE"):
                m.d.sync += room.eq(~line[:len(room)])
                m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.d.sync += [line.eq(line + room + 1), left.eq(left - room - 1)]
                    with m.If(crosses):
                        m.next = "MEASURE"
                    with m.Else():
                        m.next = "TAKE"
        return m
