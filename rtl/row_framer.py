"""From lane 0 to natural lanes, in packets."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .pcie_interfaces import PacketSignature, request_layout
from .rotator import Rotator
from .transfer_cutter import piece_layout

marked_layout = data.StructLayout({"request": request_layout, "final": 1})  # final of a transfer


class RowFramer(wiring.Component):
    """Pieces of transfers, and the bytes of those from lane 0 -> packets in natural lanes.

    A beat takes the bytes of its lanes, some of which the beat before it has brought. How many
    beats a transfer has follows from its pieces alone; `used` and `last` are not looked at.

    Latency: 3 clocks, a beat a clock.

    Parameters
    ----------
    lanes, most : int
        Dwords a beat; bytes of a piece, a power of two.

    Members
    -------
    pieces : In(stream of piece_layout(most))
        Taken with their last beat.
    bytes : In(stream of octets)
    go : In(1)
        Pieces and bytes may be taken.
    o : Out(PacketSignature(marked_layout, lanes))
        The header comes with the first beat of bytes, or before.
    """

    LATENCY = 3

    def __init__(self, lanes, most):
        self._lanes, self._most, self._count = lanes, most, 4 * lanes
        super().__init__({
            "pieces": In(stream.Signature(piece_layout(most))),
            "bytes": In(stream.Signature(data.ArrayLayout(8, self._count))), "go": In(1),
            "o": Out(PacketSignature(marked_layout, lanes))})

    def elaborate(self, platform):
        m, count = Module(), self._count
        besides = data.StructLayout({"start": range(count), "last": 1})
        m.submodules.rotator = rotator = Rotator(count, besides)
        move = Signal()
        there = Signal(Rotator.LATENCY)
        step, start, last = self._plan(m, move)
        beats = self.o.beats
        m.d.comb += [
            move.eq(beats.ready | ~beats.valid), rotator.move.eq(move),
            rotator.i.octets.eq(self.bytes.payload), rotator.i.amount.eq(-start),
            rotator.i.besides.start.eq(start), rotator.i.besides.last.eq(last),
        ]
        before = Signal(data.ArrayLayout(8, count), reset_less=True)
        came = rotator.o
        with m.If(move):
            m.d.sync += [there.eq(Cat(step, there)), beats.valid.eq(there[-1]),
                         beats.payload.last.eq(came.besides.last)]
            octets = [Mux(came.besides.start > j, before[j], came.octets[j]) for j in range(count)]
            m.d.sync += beats.payload.dwords.eq(Cat(octets))
        with m.If(move & there[-1]):
            m.d.sync += before.eq(came.octets)
        return m

    def _plan(self, m, move):
        """One row after the other; gives whether it goes, its first lane, and whether it ends a
        packet."""
        piece, headers = self.pieces.payload, self.o.headers
        bits = self._count.bit_length() - 1
        row = Signal(range(self._most // self._count))
        kept = Signal(range(self._count))
        start = Signal(range(self._count))
        end = Signal(self._most.bit_length())
        named = Signal()  # the piece's header has gone
        last = Signal()
        wanted = Signal()
        free = Signal()
        step = Signal()
        m.d.comb += [
            start.eq(Mux(piece.first, piece.address, kept)),
            end.eq(piece.address[:bits] + piece.bytes - 1),
            last.eq(row == end >> bits),
            wanted.eq(~(last & piece.last & (end[:bits] < start))),  # else the last beat's rest
            free.eq(self.go & self.pieces.valid & move & (named | headers.ready)),
            self.bytes.ready.eq(free & wanted), step.eq(free & (self.bytes.valid | ~wanted)),
            self.pieces.ready.eq(step & last),
            headers.valid.eq(self.go & self.pieces.valid & ~named),
            headers.payload.final.eq(piece.last), headers.payload.request.write.eq(1),
            headers.payload.request.address.eq(Cat(0, 0, piece.address[2:])),
            headers.payload.request.dwords.eq(piece.dwords),
            headers.payload.request.first_be.eq(piece.first_be),
            headers.payload.request.last_be.eq(piece.last_be),
        ]
        with m.If(headers.valid & headers.ready):
            m.d.sync += named.eq(1)
        with m.If(step):
            m.d.sync += [row.eq(row + 1), kept.eq(start)]
        with m.If(step & last):
            m.d.sync += [row.eq(0), named.eq(0)]
        return step, start, last
