"""Frames of docs/link.md to and from bytes. Requests and responses have the same form."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, memory, stream
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import Component, In, Out

from ..common.link import CRC, HEADER, MAX_PAYLOAD, SYNC

header_layout = data.StructLayout({"length": 16, "sequence": 8, "kind": 8})
assert header_layout.size == 8 * HEADER.size


class FrameParser(Component):
    """Finds frames in the received bytes and passes on those whose CRC is right.

    A frame is kept back until its CRC has been checked. One that is too long, cut short (no byte
    for `gap_clocks`) or corrupted is dropped without a trace, and the hunt for SYNC starts anew.

    Parameters
    ----------
    gap_clocks : int
        Longest pause inside a frame.

    Members
    -------
    i : In(stream of 8 bits)
        Received bytes. Not taken while a good frame waits to be passed on.
    headers : Out(stream of {length, sequence, kind})
    payload : Out(stream of 8 bits)
        After each header exactly `length` bytes, one a clock. The first is valid one clock after
        the header was taken.
    active : Out(1)
        Inside a frame.
    """

    i: In(stream.Signature(8))
    headers: Out(stream.Signature(header_layout))
    payload: Out(stream.Signature(8))
    active: Out(1)

    def __init__(self, *, gap_clocks):
        self._gap_clocks = gap_clocks
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(8).create()
        m.submodules.buffer = buffer = memory.Memory(shape=8, depth=MAX_PAYLOAD, init=[],
                                                          attrs={"no_rw_check": 1})
        store, fetch = buffer.write_port(), buffer.read_port(domain="comb")
        fetched = Signal(8)  # with the memory, a block RAM; no byte is read while one is written
        header = self.headers.payload
        index = Signal(range(MAX_PAYLOAD + 1))
        gap = Signal(range(self._gap_clocks))
        taken = Signal()
        checked = Signal()
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            crc.data.eq(self.i.payload),
            crc.valid.eq(self.i.valid & checked),  # it is taken wherever it is checked
            store.data.eq(self.i.payload),
            store.addr.eq(index),
            fetch.addr.eq(index),
            self.payload.payload.eq(fetched),
        ]
        m.d.sync += [gap.eq(gap + 1), fetched.eq(fetch.data)]
        with m.If(self.i.valid):
            m.d.sync += gap.eq(0)

        def drop_after_gap():
            m.d.comb += self.i.ready.eq(1)
            with m.If(gap == self._gap_clocks - 1):
                m.next = "HUNT"

        def take_field(length, then):
            """Take `length` bytes, counted by `index`, into the CRC."""
            m.d.comb += checked.eq(1)
            drop_after_gap()
            with m.If(self.i.valid):
                m.d.sync += index.eq(index + 1)
                with m.If(index == length - 1):
                    m.d.sync += index.eq(0)
                    m.next = then

        with m.FSM() as fsm:
            m.d.comb += self.active.eq(~fsm.ongoing("HUNT"))
            with m.State("HUNT"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken & (self.i.payload == SYNC[0])):
                    m.next = "SYNC"
            with m.State("SYNC"):
                drop_after_gap()
                m.d.comb += crc.start.eq(1)
                m.d.sync += index.eq(0)
                with m.If(taken & (self.i.payload == SYNC[1])):
                    m.next = "HEADER"
                with m.Elif(taken & (self.i.payload != SYNC[0])):
                    m.next = "HUNT"
            with m.State("HEADER"):
                take_field(HEADER.size, "LENGTH")
                with m.If(self.i.valid):
                    m.d.sync += header.eq(Cat(header.as_value()[8:], self.i.payload))
            with m.State("LENGTH"):
                with m.If(header.length > MAX_PAYLOAD):
                    m.next = "HUNT"
                with m.Elif(header.length == 0):
                    m.next = "CRC"
                with m.Else():
                    m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                m.d.comb += store.en.eq(self.i.valid)
                take_field(header.length, "CRC")
            with m.State("CRC"):
                take_field(CRC.size, "CHECK")
            with m.State("CHECK"):
                with m.If(crc.match_detected):
                    m.next = "PASS_HEADER"
                with m.Else():
                    m.next = "HUNT"
            with m.State("PASS_HEADER"):
                m.d.comb += self.headers.valid.eq(1)
                with m.If(self.headers.ready & (header.length == 0)):
                    m.next = "HUNT"
                with m.Elif(self.headers.ready):
                    m.next = "PASS_PAYLOAD"
            with m.State("PASS_PAYLOAD"):
                m.d.comb += self.payload.valid.eq(1)
                with m.If(self.payload.ready):
                    m.d.comb += fetch.addr.eq(index + 1)
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == header.length - 1):
                        m.next = "HUNT"
        return m


class FrameBuilder(Component):
    """Puts a frame around a header and its payload.

    Members
    -------
    headers : In(stream of {length, sequence, kind})
        Taken when the frame begins.
    payload : In(stream of 8 bits)
        Exactly `length` bytes after each header.
    o : Out(stream of 8 bits)
        The frame. Bytes of the payload pass through without a register.
    """

    headers: In(stream.Signature(header_layout))
    payload: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(8).create()
        sync = Const(int.from_bytes(SYNC, "little"), 8 * len(SYNC))
        shift = Signal(len(sync) + header_layout.size)
        left = Signal(16)
        sent = Signal()
        checked = Signal()  # the next byte belongs to what the CRC is of
        none = Signal()  # left == 0
        final = Signal()  # left == 1
        length = Signal(16)
        last = Signal(8)  # the byte of the clock before, for the CRC
        counted = Signal()
        m.d.sync += [last.eq(self.o.payload), counted.eq(sent & checked)]

        def count(number):
            return [left.eq(number), none.eq(number == 0), final.eq(number == 1)]

        m.d.comb += [
            sent.eq(self.o.valid & self.o.ready),
            crc.data.eq(last), crc.valid.eq(counted),
            self.o.payload.eq(shift[:8]),
        ]
        with m.If(sent):
            m.d.sync += [shift.eq(shift >> 8), left.eq(left - 1), none.eq(final),
                         final.eq(left == 2)]
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += [self.headers.ready.eq(1), crc.start.eq(1)]
                m.d.sync += checked.eq(0)
                with m.If(self.headers.valid):
                    m.d.sync += [
                        shift.eq(Cat(sync, self.headers.payload)),
                        length.eq(self.headers.payload.length),
                        *count(len(SYNC) + HEADER.size),
                    ]
                    m.next = "PREFIX"
            with m.State("PREFIX"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(sent):
                    m.d.sync += checked.eq(left <= HEADER.size + 1)
                with m.If(sent & final):
                    m.d.sync += count(length)
                    m.next = "PAYLOAD"
            with m.State("PAYLOAD"):
                with m.If(none):
                    m.d.sync += checked.eq(0)
                    m.next = "SUM"
                with m.Else():
                    m.d.comb += [
                        self.o.valid.eq(self.payload.valid),
                        self.o.payload.eq(self.payload.payload),
                        self.payload.ready.eq(self.o.ready),
                    ]
            with m.State("SUM"):
                m.d.sync += [shift.eq(crc.crc), *count(CRC.size)]
                m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(sent & final):
                    m.next = "HEADER"
        return m
