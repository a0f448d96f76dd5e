"""From natural lanes to lane 0."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .pcie_interfaces import bytes_layout
from .rotator import Rotator


def row_layout(count):
    """`count` bytes in natural lanes, of a transfer whose first byte is in lane `start` and whose
    last is in lane `end`."""
    return data.StructLayout({"octets": data.ArrayLayout(8, count), "first": 1, "last": 1,
                              "start": range(count), "end": range(count)})


class RowAligner(wiring.Component):
    """Rows of transfers in natural lanes -> their bytes in order from lane 0.

    Latency: 3 clocks, the row accepted that completes a beat to the beat valid; 4 clocks for what
    the last row of a transfer leaves over; a row a clock, also from transfer to transfer. The
    pipeline moves or stands as a whole.

    Parameters
    ----------
    count : int
        Bytes of a row.

    Members
    -------
    i : In(stream of row_layout(count))
        `ready` depends on `o.ready`.
    o : Out(stream of bytes_layout(count))
        From registers.
    """

    def __init__(self, count):
        self._count = count
        super().__init__({"i": In(stream.Signature(row_layout(count))),
                          "o": Out(stream.Signature(bytes_layout(count)))})

    def elaborate(self, platform):
        m, o = Module(), self.o
        besides = data.StructLayout({"first": 1, "last": 1, "start": range(self._count),
                                     "end": range(self._count)})
        m.submodules.rotator = rotator = Rotator(self._count, besides)
        row = self.i.payload
        move = Signal()
        m.d.comb += [
            move.eq(o.ready | ~o.valid), self.i.ready.eq(move), rotator.move.eq(move),
            rotator.i.octets.eq(row.octets), rotator.i.amount.eq(row.start),
            rotator.i.besides.eq(Cat(row.first, row.last, row.start, row.end)),
        ]
        there = Signal(Rotator.LATENCY)
        with m.If(move):
            m.d.sync += there.eq(Cat(self.i.valid, there))
            self._merge(m, rotator.o, there[-1])
        return m

    def _merge(self, m, came, there):
        """A beat is the end of the row held and the beginning of the one that came."""
        o, count = self.o, self._count
        held = Signal(came.shape(), reset_less=True)
        some = Signal()
        flag = came.besides
        spent = flag.last & (flag.end < flag.start)  # its bytes all go out with the held row's
        ends = some & held.besides.last  # and what comes is another transfer
        for j in range(count):
            m.d.sync += o.payload.octets[j].eq(
                Mux(j + held.besides.start < count, held.octets[j], came.octets[j]))
        m.d.sync += [
            o.valid.eq(ends | (there & ~flag.first)),
            o.payload.last.eq(ends | spent),
            o.payload.used.eq(count),
        ]
        with m.If(ends):
            m.d.sync += [some.eq(0), o.payload.used.eq(held.besides.end - held.besides.start + 1)]
        with m.Elif(spent):
            m.d.sync += o.payload.used.eq(count + flag.end - flag.start + 1)
        with m.If(there):
            m.d.sync += [held.eq(came), some.eq(flag.first | ~spent)]
