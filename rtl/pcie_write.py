"""Writes host memory: transfers and their bytes -> write requests."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..common.pcie import MAX_WRITE, Outcome
from .packet_buffer import PacketBuffer
from .pcie_interfaces import PacketSignature, WriteSignature, request_layout
from .row_aligner import Rotator
from .transfer_cutter import TransferCutter, piece_layout

PACKETS = 4  # of full size, in the buffer

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


class WriteEngine(wiring.Component):
    """Serves writes of any address and length.

    A transfer is cut by TransferCutter, its bytes are brought into their lanes, and a packet is
    handed on when all of it is in the buffer; while one leaves the next ones are filled.

    Error: `master` low while there is a transfer that is not done. `failure` is then BUS_MASTER and
    holds: no packet begins to leave, commands and bytes wait. A pulse on `clear` drops what has not
    begun to leave; a packet that is offered or has begun leaves whole, without a `done`, and the
    next one after it.

    From the last byte of a packet to its header: 8 clocks. A packet leaves in a clock for its
    header and one for each beat.

    Parameters
    ----------
    use : PcieUse
    most : int
        Bytes of a packet; a power of two, two beats at least.

    Members
    -------
    writes : In(WriteSignature(use))
    requests : Out(PacketSignature(request_layout, use.lanes))
        Bytes that are not enabled are any.
    max_payload : In(3)
        The block's maximum payload, 128 << max_payload bytes.
    master : In(1)
        Bus mastering is on.
    clear : In(1)
    failure : Out(Outcome)
        PENDING as long as there is none.
    """

    def __init__(self, use, *, most=MAX_WRITE):
        if most < 2 * use.bytes or most & (most - 1):
            raise ValueError(f"writes of {most} bytes; a power of two, at least {2 * use.bytes}")
        self._use, self._most = use, most
        super().__init__({
            "writes": In(WriteSignature(use)),
            "requests": Out(PacketSignature(request_layout, use.lanes)),
            "max_payload": In(3), "master": In(1), "clear": In(1), "failure": Out(Outcome)})

    def elaborate(self, platform):
        m, use = Module(), self._use
        cutter, framer = TransferCutter(self._most), RowFramer(use.lanes, self._most)
        m.submodules.cutter = ResetInserter(self.clear)(cutter)
        m.submodules.framer = ResetInserter(self.clear)(framer)
        m.submodules.buffer = buffer = PacketBuffer(
            marked_layout, use.lanes, rows=PACKETS * self._most // use.bytes)
        go = Signal()
        m.d.comb += [
            go.eq(self.master & (self.failure == Outcome.PENDING) & ~self.clear),
            cutter.limit.eq(self.max_payload),
            cutter.commands.payload.eq(self.writes.commands.payload),
            cutter.commands.valid.eq(self.writes.commands.valid & go),
            self.writes.commands.ready.eq(cutter.commands.ready & go),
            framer.go.eq(go), framer.bytes.payload.eq(self.writes.bytes.payload.octets),
            framer.bytes.valid.eq(self.writes.bytes.valid),
            self.writes.bytes.ready.eq(framer.bytes.ready),
            buffer.hold.eq(~go), buffer.clear.eq(self.clear),
        ]
        wiring.connect(m, cutter.pieces, framer.pieces)
        wiring.connect(m, framer.o, buffer.i)
        self._hand_over(m, buffer)
        self._watch(m, cutter.commands)
        return m

    def _hand_over(self, m, buffer):
        headers, beats, out = buffer.o.headers, buffer.o.beats, self.requests
        final = Signal()  # the packet that leaves is its transfer's last
        m.d.comb += [
            out.headers.valid.eq(headers.valid), headers.ready.eq(out.headers.ready),
            out.headers.payload.eq(headers.payload.request),
            out.beats.valid.eq(beats.valid), beats.ready.eq(out.beats.ready),
            out.beats.payload.eq(beats.payload),
        ]
        with m.If(headers.valid & headers.ready):
            m.d.sync += final.eq(headers.payload.final & ~buffer.dropping)
        with m.If(self.clear):
            m.d.sync += final.eq(0)
        m.d.sync += self.writes.done.eq(
            final & beats.valid & beats.ready & beats.payload.last & ~self.clear)

    def _watch(self, m, commands):
        open_ = Signal(range(32))  # transfers that are not done; the buffer limits them
        m.d.sync += open_.eq(open_ + (commands.valid & commands.ready) - self.writes.done)
        with m.If(~self.master & (self.writes.commands.valid | (open_ != 0))):
            m.d.sync += self.failure.eq(Outcome.BUS_MASTER)
        with m.If(self.clear):
            m.d.sync += [open_.eq(0), self.failure.eq(Outcome.PENDING)]
