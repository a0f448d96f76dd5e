"""FrameBuilder: exactly the bytes of docs/link.md for every header, and idle again after them."""

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, connect, flipped

from ..common.link import CRC, HEADER, SYNC
from ..rtl.frames import FrameBuilder, header_layout
from .box import Box, drains, holds, implies
from .frame_parser import crc_step

MOST = 3  # bytes of a payload: none, one and more than one
PREFIX = len(SYNC) + HEADER.size
# FrameBuilder's states in the order in which its source first names them, which numbers them.
STATES = ("HEADER", "PREFIX", "PAYLOAD", "SUM", "CRC")
STEPS = 4  # clocks of a frame in which no byte is sent


class Properties(Component):
    """Free headers with payloads of up to `MOST` bytes, free pauses and stalls.

    `count` bytes of the frame were sent; each must be the one that the format has there.
    """

    headers: In(stream.Signature(header_layout))
    payload: In(stream.Signature(8))
    take: In(1)
    peek_state: In(3)
    peek_left: In(16)
    peek_none: In(1)
    peek_final: In(1)
    peek_checked: In(1)
    peek_counted: In(1)
    peek_last: In(8)
    peek_length: In(16)
    peek_shift: In(8 * PREFIX)
    peek_crc: In(32)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = FrameBuilder()
        connect(m, flipped(self.headers), box.headers)
        connect(m, flipped(self.payload), box.payload)
        m.d.comb += [box.o.ready.eq(self.take), Assume(self.headers.payload.length <= MOST)]
        sent = box.o.valid & box.o.ready
        busy = Signal()
        count = Signal(range(PREFIX + MOST + CRC.size + 1))
        header = Signal(header_layout)
        state = Signal(32, init=-1)
        length = header.length[:MOST.bit_length()]
        begin = box.headers.valid & box.headers.ready
        before_crc = PREFIX + length
        last = sent & (count == before_crc + (CRC.size - 1))
        with m.If(begin):
            m.d.sync += [busy.eq(1), count.eq(0), header.eq(box.headers.payload)]
        # A byte enters the CRC a clock late, as in the box.
        covered = Signal()
        byte = Signal(8)
        m.d.sync += [covered.eq(sent & (count >= len(SYNC)) & (count < before_crc)),
                     byte.eq(box.o.payload)]
        with m.If(~busy):
            m.d.sync += state.eq(-1)
        with m.If(covered):
            m.d.sync += state.eq(crc_step(state, byte))
        with m.If(sent):
            m.d.sync += count.eq(count + 1)
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
        rest = drains(m, quiet=self.payload.valid & self.take & ~self.headers.valid, inside=busy,
                      clocks=PREFIX + MOST + CRC.size + STEPS)
        # Each of those clocks sent a byte or was one of the two after the payload.
        m.d.comb += implies(busy, rest <= count + self.at("SUM", "CRC") + self.at("CRC"))
        # The payload passes through: its source must hold what it offers.
        offered = Signal()
        before = Signal(8)
        m.d.sync += [offered.eq(self.payload.valid & ~box.payload.ready),
                     before.eq(self.payload.payload)]
        m.d.comb += Assume(~offered | (self.payload.valid & (self.payload.payload == before)))
        holds(m, box.o, "o")
        self.keep_inductive(m, busy, count, header, before_crc, state, covered, byte)
        return m

    def at(self, *names):
        return Cat(*(self.peek_state == STATES.index(name) for name in names)).any()

    def keep_inductive(self, m, busy, count, header, before_crc, state, covered, byte):
        """What the box's registers hold in each of its states."""
        prefix = Cat(Const(int.from_bytes(SYNC, "little"), 8 * len(SYNC)), header)
        counting = self.at("PREFIX", "PAYLOAD", "CRC")
        frame = before_crc + CRC.size
        m.d.comb += [
            implies(self.peek_state >= len(STATES), 0),
            Assert(busy == ~self.at("HEADER")),
            implies(busy, header.length <= MOST),
            implies(busy, self.peek_length == header.length),
            implies(counting, self.peek_none == (self.peek_left == 0)),
            implies(counting, self.peek_final == (self.peek_left == 1)),
            implies(self.at("PREFIX"), (count < PREFIX) & (self.peek_left == PREFIX - count)),
            implies(self.at("PREFIX"), self.peek_shift == prefix >> (count << 3)[:6]),
            implies(self.at("PREFIX"), self.peek_checked == (count >= len(SYNC))),
            implies(self.at("PAYLOAD"), (count >= PREFIX) & (count <= before_crc)),
            implies(self.at("PAYLOAD"), self.peek_left == before_crc - count),
            implies(self.at("PAYLOAD"), self.peek_checked),
            implies(self.at("SUM"), (count == before_crc) & ~self.peek_counted),
            implies(self.at("CRC"), (count >= before_crc) & (count < frame)),
            implies(self.at("CRC"), self.peek_left == frame - count),
            implies(self.at("CRC"), self.peek_shift ==
                    (~state) >> ((count - before_crc)[:2] << 3)),
            implies(self.at("SUM", "CRC"), ~self.peek_checked),
            implies(self.at("HEADER", "CRC"), ~self.peek_counted),
            Assert(self.peek_counted == covered),
            implies(covered, self.peek_last == byte),
            implies(busy, self.peek_crc == (~state)[:32]),
        ]


# The input that shows each of the box's registers.
PEEKS = {"peek_state": "box.fsm_state", "peek_crc": "box.crc",
         **{f"peek_{name}": f"box.{name}" for name in
            ("left", "none", "final", "checked", "counted", "last", "length", "shift")}}


BOXES = (Box(
    name="frame_builder", top=Properties, bound=6, cover=24, prove="induction", steps=1,
    peeks=PEEKS,
    says=f"a frame is SYNC, header, payload (up to {MOST} bytes) and CRC, each byte once and in "
         "order, and the next can begin"),)
