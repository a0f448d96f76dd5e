"""FrameParser: back to idle after any input, and nothing passed on before its CRC."""

from amaranth.hdl import Assert, Cat, Const, Cover, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, connect, flipped

from ..common.link import CRC, HEADER, MAX_PAYLOAD
from ..rtl.frames import FrameParser
from .box import Box, implies

GAP_CLOCKS = 250_000  # 5 ms at 50 MHz
# FrameParser's states in the order in which its source first names them, which numbers them.
STATES = ("HUNT", "SYNC", "HEADER", "LENGTH", "CRC", "PAYLOAD", "CHECK", "PASS_HEADER",
          "PASS_PAYLOAD")
REST_CLOCKS = max(GAP_CLOCKS + 1, MAX_PAYLOAD + 3)  # from the last byte to idle, at most
POLYNOMIAL = 0xEDB88320  # CRC-32 of Ethernet, bits reversed (IEEE 802.3, 3.2.9)
RESIDUE = 0xDEBB20E3  # what is left of a message with its CRC behind it


def crc_step(state, byte):
    """CRC-32 bit by bit, as the standard draws it."""
    for n in range(8):
        low = state[0] ^ byte[n]
        state = Cat(state[1:], Const(0, 1)) ^ Mux(low, POLYNOMIAL, 0)
    return state


class Parser(Component):
    """A parser of the real sizes, free bytes, free sinks; what both properties need."""

    i: In(stream.Signature(8))
    take_header: In(1)
    take_payload: In(1)
    peek_state: In(4)
    peek_index: In(range(MAX_PAYLOAD + 1))
    peek_gap: In(range(GAP_CLOCKS))
    peek_crc: In(32)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = self.box = box = FrameParser(gap_clocks=GAP_CLOCKS)
        connect(m, flipped(self.i), box.i)
        m.d.comb += [box.headers.ready.eq(self.take_header),
                     box.payload.ready.eq(self.take_payload)]
        self.length = box.headers.payload.length
        self.build_property(m)
        # What makes either inductive.
        m.d.comb += [
            implies(self.peek_state >= len(STATES), 0),
            implies(self.at("PAYLOAD", "PASS_PAYLOAD"), self.peek_index < self.length),
            implies(self.at("PAYLOAD", "CRC", "CHECK", "PASS_HEADER", "PASS_PAYLOAD"),
                    self.length <= MAX_PAYLOAD),
            implies(self.at("HEADER"), self.peek_index < HEADER.size),
            implies(self.at("CRC"), self.peek_index < CRC.size),
            implies(self.at("LENGTH", "CHECK", "PASS_HEADER"), self.peek_index == 0),
        ]
        return m

    def at(self, *names):
        return Cat(*(self.peek_state == STATES.index(name) for name in names)).any()


class Rest(Parser):
    """`rank` is the number of clocks that a resting line leaves until idle, at most.

    It falls in every clock in which no byte comes and the sinks are ready.
    """

    def build_property(self, m):
        waiting = self.at("SYNC", "HEADER", "PAYLOAD", "CRC")
        rank = Signal(range(REST_CLOCKS + 1))
        with m.If(waiting):
            m.d.comb += rank.eq(GAP_CLOCKS - self.peek_gap)
        with m.Elif(self.at("LENGTH")):
            m.d.comb += rank.eq(GAP_CLOCKS + 1)
        with m.Elif(self.at("CHECK")):
            m.d.comb += rank.eq(MAX_PAYLOAD + 2)
        with m.Elif(self.at("PASS_HEADER")):
            m.d.comb += rank.eq(self.length + 1)
        with m.Elif(self.at("PASS_PAYLOAD")):
            m.d.comb += rank.eq(self.length - self.peek_index)
        quiet = Signal()
        before = Signal.like(rank)
        m.d.sync += [quiet.eq(~self.i.valid & self.take_header & self.take_payload),
                     before.eq(rank)]
        m.d.comb += [
            implies(quiet, (rank < before) | (rank == 0)),
            implies(rank == 0, self.at("HUNT")), implies(rank > REST_CLOCKS, 0),
            implies(waiting, self.peek_gap < GAP_CLOCKS),
            implies(self.at("LENGTH"), self.peek_gap == 0),
            implies(self.at("HUNT"), ~self.box.active), implies(~self.box.active, self.at("HUNT")),
            Cover(self.at("PAYLOAD") & (self.peek_index == 1) & quiet),
        ]


class Check(Parser):
    """Another CRC runs over the bytes of the frame; only if it is right is a header passed on, or
    a byte behind it, and with the length that the frame had.
    """

    def build_property(self, m):
        box, index = self.box, self.peek_index
        state = Signal(32, init=-1)
        count = Signal(range(MAX_PAYLOAD + 9))
        header = Signal(32)
        inside = self.at("HEADER", "PAYLOAD", "CRC")
        with m.If(self.at("SYNC")):
            m.d.sync += [state.eq(-1), count.eq(0)]
        with m.If(inside & box.i.valid & box.i.ready):
            m.d.sync += [state.eq(crc_step(state, box.i.payload)), count.eq(count + 1)]
            with m.If(count < HEADER.size):
                m.d.sync += header.eq(Cat(header[8:], box.i.payload))
        passing = self.at("PASS_HEADER", "PASS_PAYLOAD")
        m.d.comb += [
            implies(box.headers.valid, self.at("PASS_HEADER")),
            implies(box.payload.valid, self.at("PASS_PAYLOAD")),
            implies(passing, (state == RESIDUE) & (count == HEADER.size + self.length + CRC.size)),
            Assert(box.headers.payload.as_value() == header),
            Cover(self.at("CHECK") & (count == 8)),
            # What makes it inductive.
            implies(inside | passing | self.at("LENGTH", "CHECK"), self.peek_crc == state[::-1]),
            implies(self.at("HEADER"), count == index),
            implies(self.at("LENGTH"), count == HEADER.size),
            implies(self.at("PAYLOAD"), count == HEADER.size + index),
            implies(self.at("CRC"), count == HEADER.size + self.length + index),
            implies(self.at("CHECK"), count == HEADER.size + self.length + CRC.size),
        ]


PEEKS = {"peek_state": "box.fsm_state", "peek_index": "box.index", "peek_gap": "box.gap",
         "peek_crc": "box.crc.crc_reg"}
BOXES = (
    Box(name="frame_parser_idle", top=Rest, bound=10, cover=16, prove="induction", peeks=PEEKS,
        says=f"idle at most {REST_CLOCKS} clocks after the line rests, from any reachable state"),
    Box(name="frame_parser_crc", top=Check, bound=5, cover=20, prove="induction", steps=1,
        peeks=PEEKS,
        says="no header and no byte is passed on unless the frame's CRC was right"),
)
