"""Bursts of lines -> the channels of an AXI4 master."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .axi_interfaces import WRITE_LINES, AxiSignature
from .stream_buffer import StreamBuffer

UNDER_WAY = 15  # bursts that have not been answered, at most
INCR = 1  # of awburst and arburst


class AxiEngine(Component):
    """Executes bursts in their order: writes wait until all reads have come back, and reads until
    all writes are answered, since AXI keeps no order between the two.

    Bursts of one kind are on their way together, UNDER_WAY of them. Lines of reads wait at the bus
    (rready) while they are not taken.

    Parameters
    ----------
    geometry : axi_interfaces.AxiGeometry

    Members
    -------
    bursts : In(stream of geometry.burst)
    lines : In(stream of geometry.line)
        Of the writes, in their order.
    words : Out(stream of line_bits)
        Lines of the reads.
    axi : Out(AxiSignature)
    failed : Out(2)
        An answer to a read (bit 0), to a write (bit 1) was an error. Sticky.
    """

    def __init__(self, geometry):
        self._geometry = geometry
        super().__init__({"bursts": In(stream.Signature(geometry.burst)),
                          "lines": In(stream.Signature(geometry.line)),
                          "words": Out(stream.Signature(unsigned(geometry.line_bits))),
                          "axi": Out(AxiSignature(geometry)), "failed": Out(2)})

    def elaborate(self, _platform):
        m, axi, bursts = Module(), self.axi, self.bursts
        read, write = Signal(), Signal()  # a burst begins
        reads = self._under_way(m, "read", read, axi.rvalid & axi.rready & axi.rlast)
        writes = self._under_way(m, "write", write, axi.bvalid & axi.bready)
        ar, aw = self._addresses(m, "ar"), self._addresses(m, "aw")
        m.submodules.lengths = lengths = StreamBuffer(range(WRITE_LINES))
        m.d.comb += [
            read.eq(bursts.valid & ~bursts.payload.write & ar.ready & reads.room & writes.none),
            write.eq(bursts.valid & bursts.payload.write & aw.ready & lengths.i.ready
                     & writes.room & reads.none),
            bursts.ready.eq(read | write), ar.valid.eq(read), aw.valid.eq(write),
            lengths.i.valid.eq(write), lengths.i.payload.eq(bursts.payload.last),
            axi.bready.eq(1),
        ]
        self._send(m, lengths.o)
        self._receive(m)
        for n, (taken, response) in enumerate(((axi.rvalid & axi.rready, axi.rresp),
                                               (axi.bvalid, axi.bresp))):
            with m.If(taken & response[1]):
                m.d.sync += self.failed[n].eq(1)
        return m

    def _under_way(self, m, name, begins, ends):
        """Counts bursts; {none, room} as registers."""
        count = Signal(range(UNDER_WAY + 1), name=f"{name}s")
        state = Signal(data.StructLayout({"none": 1, "room": 1}), name=f"{name}s_state",
                       init={"none": 1, "room": 1})
        with m.If(begins & ~ends):
            m.d.sync += [count.eq(count + 1), state.none.eq(0),
                         state.room.eq(count != UNDER_WAY - 1)]
        with m.Elif(ends & ~begins):
            m.d.sync += [count.eq(count - 1), state.none.eq(count == 1), state.room.eq(1)]
        return state

    def _addresses(self, m, name):
        """Stream into an address channel, whose payload is `bursts`'."""
        geometry, payload = self._geometry, self.bursts.payload
        address = data.StructLayout({"addr": geometry.axi_address_bits, "len": 8})
        m.submodules[name] = buffer = StreamBuffer(address)
        port = {field: getattr(self.axi, name + field) for field in
                ("addr", "len", "size", "burst", "valid", "ready")}
        low = (geometry.line_bits // 8).bit_length() - 1
        m.d.comb += [
            buffer.i.payload.addr.eq(payload.line << low),
            buffer.i.payload.len.eq((payload.last + 1) * geometry.beats - 1),
            port["addr"].eq(buffer.o.payload.addr), port["len"].eq(buffer.o.payload.len),
            port["size"].eq((geometry.data_bits // 8).bit_length() - 1), port["burst"].eq(INCR),
            port["valid"].eq(buffer.o.valid), buffer.o.ready.eq(port["ready"]),
        ]
        return buffer.i

    def _send(self, m, lengths):
        """Beats of lines, as many as `lengths` says."""
        geometry, axi, lines = self._geometry, self.axi, self.lines
        bits, beats = geometry.data_bits, geometry.beats
        m.submodules.w = buffer = StreamBuffer(
            data.StructLayout({"data": bits, "strb": bits // 8, "last": 1}))
        sending, left, beat = Signal(), Signal(range(WRITE_LINES)), Signal(range(beats))
        step, line_ends, ends = Signal(), Signal(), Signal()
        # A line is several words or several beats: in the second case all of it is written.
        mask = Cat(taken.replicate(geometry.word_bits // 8) for taken in lines.payload.mask)
        m.d.comb += [
            step.eq(sending & lines.valid & buffer.i.ready), line_ends.eq(beat == beats - 1),
            ends.eq(line_ends & (left == 0)), lines.ready.eq(step & line_ends),
            buffer.i.valid.eq(sending & lines.valid), buffer.i.payload.last.eq(ends),
            buffer.i.payload.data.eq(lines.payload.data.as_value().word_select(beat, bits)),
            buffer.i.payload.strb.eq(mask[:bits // 8]),
            lengths.ready.eq(~sending | step & ends),
            axi.wvalid.eq(buffer.o.valid), buffer.o.ready.eq(axi.wready),
            axi.wdata.eq(buffer.o.payload.data), axi.wstrb.eq(buffer.o.payload.strb),
            axi.wlast.eq(buffer.o.payload.last),
        ]
        with m.If(step):
            m.d.sync += [beat.eq(Mux(line_ends, 0, beat + 1)), left.eq(left - line_ends)]
        with m.If(lengths.ready):
            m.d.sync += [sending.eq(lengths.valid), left.eq(lengths.payload)]

    def _receive(self, m):
        """Beats -> lines."""
        geometry, axi = self._geometry, self.axi
        bits, beats = geometry.data_bits, geometry.beats
        m.submodules.r = buffer = StreamBuffer(bits)
        m.d.comb += [buffer.i.payload.eq(axi.rdata), buffer.i.valid.eq(axi.rvalid),
                     axi.rready.eq(buffer.i.ready)]
        if beats == 1:
            connect(m, buffer.o, flipped(self.words))
            return
        before = Signal(bits * (beats - 1), reset_less=True)  # beats of the line that have come
        beat, full = Signal(range(beats)), Signal()
        m.d.comb += [
            full.eq(beat == beats - 1), self.words.valid.eq(buffer.o.valid & full),
            self.words.payload.eq(Cat(before, buffer.o.payload)),
            buffer.o.ready.eq(~full | self.words.ready),
        ]
        with m.If(buffer.o.valid & buffer.o.ready):
            m.d.sync += [beat.eq(Mux(full, 0, beat + 1)),
                         before.eq(Cat(before, buffer.o.payload)[bits:])]
