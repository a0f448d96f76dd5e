"""FrameBuilder: exactly the bytes of docs/link.md for every header, and idle again after them."""

from amaranth.hdl import Assume, Cat, Const, Cover, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, connect, flipped

from ..common.link import CRC, HEADER, SYNC
from ..rtl.frames import FrameBuilder, header_layout
from .box import Box, drains, holds, implies
from .frame_parser import crc_step

MOST = 3  # bytes of a payload: none, one and more than one
PREFIX = len(SYNC) + HEADER.size
STEPS = 4  # clocks of a frame in which no byte is sent


class Properties(Component):
    """Free headers with payloads of up to `MOST` bytes, free pauses and stalls.

    `count` bytes of the frame were sent; each must be the one that the format has there.
    """

    headers: In(stream.Signature(header_layout))
    payload: In(stream.Signature(8))
    take: In(1)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = FrameBuilder()
        connect(m, flipped(self.headers), box.headers)
        connect(m, flipped(self.payload), box.payload)
        m.d.comb += [box.o.ready.eq(self.take), Assume(self.headers.payload.length <= MOST)]
        sent = box.o.valid & box.o.ready
        busy, count = Signal(), Signal(range(PREFIX + MOST + CRC.size + 1))
        header, state = Signal(header_layout), Signal(32, init=-1)
        length = header.length[:MOST.bit_length()]
        begin = box.headers.valid & box.headers.ready
        before_crc = PREFIX + length
        last = sent & (count == before_crc + (CRC.size - 1))
        with m.If(begin):
            m.d.sync += [busy.eq(1), count.eq(0), header.eq(box.headers.payload)]
        with m.If(~busy):
            m.d.sync += state.eq(-1)
        with m.If(sent):
            m.d.sync += count.eq(count + 1)
            with m.If((count >= len(SYNC)) & (count < before_crc)):
                m.d.sync += state.eq(crc_step(state, box.o.payload))
        with m.If(last):
            m.d.sync += busy.eq(0)
        prefix = Cat(Const(int.from_bytes(SYNC, "little"), 8 * len(SYNC)), header)
        payload = (count >= PREFIX) & (count < before_crc)
        m.d.comb += [
            implies(begin, ~busy), implies(sent, busy),
            implies(sent & (count < PREFIX), box.o.payload == prefix.word_select(count[:3], 8)),
            implies(sent & payload, (box.o.payload == self.payload.payload) & self.payload.valid),
            implies(self.payload.valid & box.payload.ready, sent & payload),
            implies(sent & (count >= before_crc), box.o.payload ==
                    (~state).word_select((count - before_crc)[:2], 8)),
            Cover(last & (length == MOST)), Cover(last & (length == 0)),
        ]
        drains(m, quiet=self.payload.valid & self.take & ~self.headers.valid, inside=busy,
               clocks=PREFIX + MOST + CRC.size + STEPS)
        # The payload passes through: its source must hold what it offers.
        offered, before = Signal(), Signal(8)
        m.d.sync += [offered.eq(self.payload.valid & ~box.payload.ready),
                     before.eq(self.payload.payload)]
        m.d.comb += Assume(~offered | (self.payload.valid & (self.payload.payload == before)))
        holds(m, box.o, "o")
        return m


BOXES = (Box(
    name="frame_builder", top=Properties, bound=10, cover=24, seconds=600,
    says=f"a frame is SYNC, header, payload (up to {MOST} bytes) and CRC, each byte once and in "
         "order, and the next can begin"),)
