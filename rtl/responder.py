"""Writes the response to a request."""

from amaranth.hdl import Array, C, Cat, Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common import link
from ..common.counters import COUNTER_BITS, COUNTERS
from ..common.link import Opcode, Status
from .frames import header_layout
from .interfaces import TOKEN_BITS, model_layout, status_layout

CHUNK_BYTES = 8


class Responder(Component):
    """Makes the payload of a response out of chunks of a few bytes, loaded one after the other.

    Members
    -------
    start : In(1)
        Pulse, when not busy: send one response. All that is not a stream is held while busy.
    busy : Out(1)
        From the clock after `start` until the last byte was taken.
    opcode : In(8), sequence : In(8)
        Of the request.
    status : In(Status), length : In(16)
        Of the response.
    responses : Out(stream of {length, sequence, kind}), response_bytes : Out(stream of 8 bits)
        To FrameBuilder.
    words : In(stream of word_bits)
        READ: the words read.
    crc : In(32)
        VERIFY.
    accepted : In(32), room : In(32)
        PROMPT: tokens taken in all, and how many fit; sampled when the answer begins.
    index : In(32), count : In(8), flags : In(16)
        TOKENS: the first token, how many, and TokensFlag.
    token_index : Out(32), token : In(24)
        TOKENS: the token asked for comes one clock later.
    counters : In(array)
        COUNTERS: each is sampled when its turn comes, so they fit together when the machine rests.
    machine_status : In({ready, busy, error}), open : In(1), number : In(32)
        The other opcodes: MACHINE_STATUS.
    model : In({id, vocabulary})
        IDENTIFY.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "start": In(1),
            "busy": Out(1),
            "opcode": In(8),
            "sequence": In(8),
            "status": In(Status),
            "length": In(16),
            "responses": Out(stream.Signature(header_layout)),
            "response_bytes": Out(stream.Signature(8)),
            "words": In(stream.Signature(config.word_bits)),
            "crc": In(32),
            "accepted": In(32),
            "room": In(32),
            "index": In(32),
            "count": In(8),
            "flags": In(16),
            "token_index": Out(32),
            "token": In(TOKEN_BITS),
            "counters": In(data.ArrayLayout(COUNTER_BITS, len(COUNTERS))),
            "machine_status": In(status_layout),
            "model": In(model_layout),
            "open": In(1),
            "number": In(32),
        })

    def elaborate(self, platform):
        m = Module()
        chunk = self._chunk = Signal(max(8 * CHUNK_BYTES, self._config.word_bits))
        chunk_left = self._chunk_left = Signal(range(len(chunk) // 8 + 1))
        self._number = Signal(4)  # of the next chunk; READ and TOKENS go round
        self._begun = Signal()  # it is not the first
        self._counter, self._known = Signal(COUNTER_BITS), Signal(8 * CHUNK_BYTES)
        chunks = [*self._identity(), self._now(), self.model.as_value()]
        m.d.sync += [self._counter.eq(self._chosen(self.counters)),
                     self._known.eq(self._chosen(chunks))]
        left = Signal(16)  # bytes of the payload
        header = self.responses.payload
        m.d.comb += [
            header.length.eq(self.length),
            header.sequence.eq(self.sequence),
            header.kind.eq(self.status | link.RESPONSE),
            self.response_bytes.payload.eq(chunk[:8]),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += [self._number.eq(0), self._begun.eq(0)]
                with m.If(self.start):
                    m.d.sync += [left.eq(self.length), self.token_index.eq(self.index)]
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += self.responses.valid.eq(1)
                with m.If(self.responses.ready):
                    m.next = "SHARE"
            with m.State("SHARE"):
                with m.If(left == 0):
                    m.next = "IDLE"
                with m.Else():
                    m.next = "PICK"
            with m.State("PICK"):
                m.next = "LOAD"
            with m.State("LOAD"):
                self._build_load(m)
            with m.State("SEND"):
                m.d.comb += self.response_bytes.valid.eq(1)
                with m.If(self.response_bytes.ready):
                    m.d.sync += [
                        chunk.eq(chunk >> 8),
                        chunk_left.eq(chunk_left - 1),
                        left.eq(left - 1),
                    ]
                    with m.If(chunk_left == 1):
                        m.next = "SHARE"
        return m

    def _build_load(self, m):
        """Load the next chunk, as soon as it is there."""
        with m.Switch(self.opcode):
            with m.Case(Opcode.READ):
                m.d.comb += self.words.ready.eq(1)
                with m.If(self.words.valid):
                    self._load(m, self.words.payload)
            with m.Case(Opcode.VERIFY):
                self._load(m, self.crc)
            with m.Case(Opcode.PROMPT):
                self._load(m, Cat(self.accepted, self.room))
            with m.Case(Opcode.TOKENS):
                with m.If(~self._begun):
                    self._load(m, Cat(self.index, self.count, C(0, 8), self.flags))
                with m.Else():
                    m.d.sync += self.token_index.eq(self.token_index + 1)
                    self._load(m, self.token)
            with m.Case(Opcode.COUNTERS):
                self._load(m, self._counter)
            with m.Case(Opcode.IDENTIFY):
                self._load(m, self._known)
            with m.Default():
                self._load(m, self._now())

    def _chosen(self, chunks):
        """The chunk whose turn it is."""
        chunks = list(chunks)
        return Array(chunks + chunks[-1:] * ((1 << len(self._number)) - len(chunks)))[self._number]

    def _load(self, m, chunk):
        m.d.sync += [
            self._chunk.eq(chunk),
            self._chunk_left.eq(len(chunk) // 8),
            self._number.eq(self._number + 1), self._begun.eq(1),
        ]
        m.next = "SEND"

    def _identity(self):
        """The chunks of link.identity."""
        fixed = link.identity(self._config, len(COUNTERS))
        return [C(int.from_bytes(fixed[i:i + CHUNK_BYTES], "little"), 8 * CHUNK_BYTES)
                for i in range(0, len(fixed), CHUNK_BYTES)]

    def _now(self):
        """MACHINE_STATUS in bits."""
        status = self.machine_status
        return Cat(status.ready, C(0, 7), status.busy, C(0, 7), self.open, C(0, 7), status.error,
                   self.number)
