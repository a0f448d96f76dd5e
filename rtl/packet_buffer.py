"""Keeps packets until they are whole."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .pcie_interfaces import PacketSignature
from .stream_buffer import StreamBuffer


class PacketBuffer(wiring.Component):
    """Packets with data in, the same packets out, without a pause between the beats of one.

    A header is offered when all of its beats are here. They follow from the clock after it was
    taken, a beat a clock; the next header is offered in the clock after the last of them was taken.
    Meanwhile further packets are filled.

    From the last beat of a packet to its header offered: 3 clocks.

    Parameters
    ----------
    header : shape-like
    lanes : int
        Dwords a beat.
    rows : int
        Beats that are held, a power of two; a packet has that many at most.
    packets : int
        Headers that are held; at least 3.

    Members
    -------
    i : In(PacketSignature(header, lanes))
        Each packet has a beat at least; its header comes with its last beat or before.
    o : Out(PacketSignature(header, lanes))
    hold : In(1)
        No packet begins to leave.
    clear : In(1)
        What has not begun to leave is dropped, what is offered counts as begun. A packet that has
        begun leaves whole, and nothing is accepted before.
    dropping : Out(1)
        A packet is leaving or offered that began before a `clear`.
    """

    def __init__(self, header, lanes, *, rows, packets=16):
        if rows < 2 or rows & (rows - 1):
            raise ValueError(f"a buffer of {rows} beats; a power of two is needed")
        self._rows, self._packets = rows, packets
        super().__init__({
            "i": In(PacketSignature(header, lanes)), "o": Out(PacketSignature(header, lanes)),
            "hold": In(1), "clear": In(1), "dropping": Out(1)})

    def elaborate(self, platform):
        m = Module()
        flush = Signal()  # as after a reset
        beat = self.i.beats.payload.shape()
        headers = SyncFIFOBuffered(width=len(self.i.headers.p.as_value()), depth=self._packets)
        buffer = StreamBuffer(beat)
        m.submodules.headers = ResetInserter(flush)(headers)
        m.submodules.buffer = ResetInserter(flush)(buffer)
        m.d.comb += [
            headers.w_data.eq(self.i.headers.p), headers.w_en.eq(self.i.headers.valid
                                                                 & ~self.dropping),
            self.i.headers.ready.eq(headers.w_rdy & ~self.dropping),
        ]
        self._hold(m, buffer.i, flush)
        begun, ends = self._leave(m, headers, buffer.o, flush)
        m.d.comb += flush.eq((self.clear | self.dropping) & (~begun | ends))
        with m.If(flush):
            m.d.sync += self.dropping.eq(0)
        with m.Elif(self.clear):
            m.d.sync += self.dropping.eq(1)
        return m

    def _hold(self, m, whole, flush):
        """Beats wait in a ring; those of whole packets go on."""
        beats = self.i.beats
        m.submodules.ring = ring = Memory(shape=beats.payload.shape(), depth=self._rows, init=[],
                                          attrs={"ram_style": "block"})
        write, read = ring.write_port(), ring.read_port()
        put, got, end = (Signal(range(2 * self._rows), name=name) for name in ("put", "got", "end"))
        used = Signal(range(self._rows + 1))
        put_in = Signal()
        step = Signal()
        m.d.comb += [
            beats.ready.eq(~used[-1] & ~self.dropping), put_in.eq(beats.valid & beats.ready),
            write.en.eq(put_in), write.addr.eq(put), write.data.eq(beats.payload),
            step.eq((got != end) & (whole.ready | ~whole.valid)),
            read.en.eq(step), read.addr.eq(got), whole.payload.eq(read.data),
        ]
        m.d.sync += [put.eq(put + put_in), got.eq(got + step), used.eq(used + put_in - step)]
        with m.If(put_in & beats.payload.last):
            m.d.sync += end.eq(put + 1)
        with m.If(whole.ready | ~whole.valid):
            m.d.sync += whole.valid.eq(step)
        with m.If(flush):
            m.d.sync += [put.eq(0), got.eq(0), end.eq(0), used.eq(0), whole.valid.eq(0)]

    def _leave(self, m, waiting, beats, flush):
        """A header, then its beats; gives whether a packet has begun, and whether it ends now."""
        headers, out = self.o.headers, self.o.beats
        offered = Signal()
        inside = Signal()
        ends = Signal()
        m.d.comb += [
            headers.p.eq(waiting.r_data), waiting.r_en.eq(headers.valid & headers.ready),
            headers.valid.eq(~inside & (offered | (waiting.r_rdy & beats.valid & ~self.hold
                                                   & ~self.dropping))),
            out.p.eq(beats.p), out.valid.eq(inside & beats.valid),
            beats.ready.eq(inside & out.ready), ends.eq(out.valid & out.ready & out.p.last),
        ]
        m.d.sync += [offered.eq(headers.valid & ~headers.ready)]
        with m.If(waiting.r_en):
            m.d.sync += inside.eq(1)
        with m.If(ends | flush):
            m.d.sync += inside.eq(0)
        return headers.valid | inside, ends
