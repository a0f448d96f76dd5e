"""Writes host memory: transfers and their bytes -> write requests."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..common.pcie import MAX_WRITE, Outcome
from .packet_buffer import PacketBuffer
from .pcie_interfaces import PacketSignature, WriteSignature, request_layout
from .row_framer import RowFramer, marked_layout
from .transfer_cutter import TransferCutter

PACKETS = 4  # of full size, whose bytes are in the buffer


class WriteEngine(wiring.Component):
    """Serves writes of any address and length.

    A transfer is cut by TransferCutter, its bytes are brought into their lanes, and a packet is
    handed on when all of it is in the buffer; while one leaves the next ones are filled.

    Error: `master` low while there is a transfer that is not done. `failure` is then BUS_MASTER and
    holds: no packet begins to leave, commands and bytes wait. A pulse on `clear` drops what has not
    begun to leave; a packet that is offered or has begun leaves whole, without a `done`, and the
    next one after it.

    From the last beat of bytes of a packet to its header: 6 clocks. A packet leaves in a clock for
    its header and one for each beat.

    Parameters
    ----------
    use : PcieUse
    most : int
        Bytes of a packet; a power of two, two beats at least.
    packets : int
        Packets in the buffer, which holds the bytes of PACKETS of full size; at most 20.

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

    def __init__(self, use, *, most=MAX_WRITE, packets=16):
        if most < 2 * use.bytes or most & (most - 1):
            raise ValueError(f"writes of {most} bytes; a power of two, at least {2 * use.bytes}")
        self._use, self._most, self._packets = use, most, packets
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
            marked_layout, use.lanes, rows=PACKETS * self._most // use.bytes,
            packets=self._packets)
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
