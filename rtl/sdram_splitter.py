"""Cuts requests for consecutive words where a row of the SDRAM ends."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out


class SegmentSplitter(Component):
    """Requests -> segments, each within one row of one bank.

    Four clocks for the first segment of a request, three for each further one; so the segment
    behind a row's end is known long before the end is reached.

    Parameters
    ----------
    geometry : sdram_interfaces.Geometry
    request : layout of {write, address, words}

    Members
    -------
    i : In(stream of {write, address, words})
        words >= 1.
    o : Out(stream of {write, place, column, more})
    """

    def __init__(self, geometry, request):
        self._geometry = geometry
        super().__init__({"i": In(stream.Signature(request)),
                          "o": Out(stream.Signature(geometry.segment()))})

    def elaborate(self, _platform):
        m, geometry = Module(), self._geometry
        in_row = 1 << geometry.column_bits
        write = Signal()
        address = Signal(geometry.address(), reset_less=True)
        left = Signal(8, reset_less=True)  # words - 1 that no segment has taken yet
        # Words - 1 from `address` to the end of its row
        room = Signal(geometry.column_bits, reset_less=True)
        crosses = Signal()
        rest = Signal(8, reset_less=True)
        segment = self.o.payload
        m.d.comb += [
            segment.write.eq(write),
            segment.place.bank.eq(address.bank),
            segment.place.row.eq(address.row),
            segment.column.eq(address.column),
            segment.more.eq(Mux(crosses, room, left)),
        ]
        with m.FSM(domain="mem"):
            with m.State("TAKE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.mem += [
                    write.eq(self.i.payload.write),
                    address.eq(self.i.payload.address),
                    left.eq(self.i.payload.words - 1),
                ]
                with m.If(self.i.valid):
                    m.next = "MEASURE"
            with m.State("MEASURE"):
                m.d.mem += room.eq(in_row - 1 - address.column)
                m.next = "CUT"
            with m.State("CUT"):
                m.d.mem += [crosses.eq(left > room), rest.eq(left - room - 1)]
                m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    # The next row begins in the next bank.
                    place = Cat(address.bank, address.row)
                    m.d.mem += [address.column.eq(0), place.eq(place + 1), left.eq(rest)]
                    with m.If(crosses):
                        m.next = "MEASURE"
                    with m.Else():
                        m.next = "TAKE"
        return m
