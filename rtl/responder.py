"""Writes the response to a request."""

from amaranth.hdl import Array, C, Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common import link
from ..common.counters import COUNTER_BITS, COUNTERS
from ..common.link import Opcode, Status
from ..common.signatures import STREAMS
from .frames import header_layout
from .interfaces import TOKEN_BITS, model_layout, status_layout
from .memory_march import report_layout

CHUNK_BYTES = 8
# Clocks in which a chunk comes from where it is: the number of its byte goes from value to value.
WAIT = max(len(COUNTERS), len(STREAMS)) + 7


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
        TOKENS: the token asked for comes one clock later, and is used from the second on.
    counters : In(array)
        COUNTERS: each is sampled when its turn comes, so they fit together when the machine rests.
    signatures : In(array)
        SIGNATURES: the same.
    march : In(report_layout), marching : In(1), march_number : In(32)
        MARCH: progress is sampled first; once that says that it is over, all is final.
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
            "signatures": In(data.ArrayLayout(8 * link.SIGNATURE_BYTES, len(STREAMS))),
            "march": In(report_layout(config)),
            "marching": In(1),
            "march_number": In(32),
            "machine_status": In(status_layout),
            "model": In(model_layout),
            "open": In(1),
            "number": In(32),
        })

    def elaborate(self, platform):
        m = Module()
        chunk = self._chunk = Signal(max(8 * CHUNK_BYTES, self._config.word_bits),
                                     reset_less=True)
        chunk_left = self._chunk_left = Signal(range(len(chunk) // 8 + 1))
        self._number = Signal(5)  # of the next chunk; READ and TOKENS go round
        self._begun = Signal()  # it is not the first
        # Of counters and signatures, whose chunks are bytes: of which value, which of its bytes
        self._value = Signal(5)
        self._octet = Signal(3)
        self._final = Signal()
        wait = Signal(range(WAIT))
        self._token = Signal(TOKEN_BITS, reset_less=True)  # a block RAM gives it, which is slow
        self._is = {}  # the opcode, decoded; it is there long before the first chunk
        for opcode in Opcode:
            self._is[opcode] = one = Signal(name=f"is_{opcode.name.lower()}")
            m.d.sync += one.eq(self.opcode == opcode)
        self._build_choices(m)
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
                m.d.sync += [self._number.eq(0), self._begun.eq(0),
                             self._octet.eq(0), self._value.eq(0)]
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
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == WAIT - 1):
                    m.d.sync += wait.eq(0)
                    m.next = "LOAD"
            with m.State("LOAD"):
                # The word that comes now is in the register in the next clock
                m.d.comb += self.words.ready.eq(self._is[Opcode.READ])
                with m.If(~self._is[Opcode.READ] | self.words.valid):
                    m.next = "TAKE"
            with m.State("TAKE"):
                self._build_take(m)
                m.next = "SEND"
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

    def _build_choices(self, m):
        """Registers between what is wide and the chunk; `PICK` waits for them."""
        self._varying = Signal(8 * CHUNK_BYTES, reset_less=True)
        past_march = Signal()
        past_identity = Signal()
        first = Signal()
        self._word = Signal(self._config.word_bits, reset_less=True)
        march, identity = self._march_chunks(), self._identity()
        m.d.sync += [
            self._word.eq(Mux(first, self.march.difference, self.march.seen)),
            first.eq(self._number == len(march)),
            past_march.eq(self._number >= len(march)),
            past_identity.eq(self._number >= len(identity)),
            self._varying.eq(Mux(self._number[0] == len(identity) % 2, self._now(),
                                 self.model.as_value())),
            self._token.eq(self.token),
        ]
        counter = self._chosen_byte(m, self.counters, "counter")
        signature = self._chosen_byte(m, self.signatures, "signature")
        progress = self._chosen(m, march, "progress")
        fixed = self._chosen(m, identity, "fixed")
        size = Mux(self._is[Opcode.COUNTERS], link.COUNTER_BYTES, link.SIGNATURE_BYTES)
        m.d.sync += self._final.eq(self._octet == size - 1)
        asked = self._is
        octets = Signal()
        m.d.sync += octets.eq(asked[Opcode.COUNTERS] | asked[Opcode.SIGNATURES])
        octet = self._merge(m, "octet", counter, (asked[Opcode.SIGNATURES], signature))
        named = self._merge(m, "named", fixed, (past_identity, self._varying))
        marched = self._merge(m, "marched", progress, (past_march, self._word))
        other = self._merge(m, "other", self._now(), (asked[Opcode.VERIFY], self.crc),
                            (asked[Opcode.PROMPT], Cat(self.accepted, self.room)))
        merged = self._merge(m, "merged", other, (octets, octet),
                             (asked[Opcode.IDENTIFY], named), (asked[Opcode.MARCH], marched))
        listed = self._merge(m, "listed", Cat(self.index, self.count, C(0, 8), self.flags),
                             (self._begun, self._token))
        self._next = self._merge(m, "next", merged, (asked[Opcode.TOKENS], listed),
                                 (asked[Opcode.READ], self.words.payload))

    def _merge(self, m, name, otherwise, *choices):
        """(chunk, bytes), registers: `otherwise`, or that whose condition holds. Each is a Value or
        such a pair."""
        chunk = Signal.like(self._chunk, name=name, reset_less=True)
        octets = Signal.like(self._chunk_left, name=f"{name}_bytes", reset_less=True)

        def choose(value):
            pair = value if isinstance(value, tuple) else (value, len(value) // 8)
            m.d.sync += [chunk.eq(pair[0]), octets.eq(pair[1])]

        choose(otherwise)
        for condition, value in choices:
            with m.If(condition):
                choose(value)
        return chunk, octets

    def _build_take(self, m):
        """The next chunk becomes the present one, and which one comes after it is said."""
        chunk, octets = self._next
        m.d.sync += [self._chunk.eq(chunk), self._chunk_left.eq(octets),
                     self._number.eq(self._number + 1), self._begun.eq(1),
                     self._octet.eq(self._octet + 1)]
        with m.If(self._final):
            m.d.sync += [self._octet.eq(0), self._value.eq(self._value + 1)]
        with m.If(self._is[Opcode.TOKENS] & self._begun):
            m.d.sync += self.token_index.eq(self.token_index + 1)

    def _chosen(self, m, chunks, name):
        """The chunk whose turn it is, after two clocks: they come from far away."""
        low, number = 4, self._number
        groups = [chunks[n:n + low] for n in range(0, len(chunks), low)]
        held = [Signal(max(len(c) for c in group), name=f"{name}_{n}", reset_less=True)
                for n, group in enumerate(groups)]
        for register, group in zip(held, groups, strict=True):
            m.d.sync += register.eq(Array(group + group[-1:] * (low - len(group)))[number[:2]])
        high = number[2:]
        chosen = Signal(max(len(h) for h in held), name=name, reset_less=True)
        m.d.sync += chosen.eq(Array(held + held[-1:] * ((1 << len(high)) - len(held)))[high])
        return chosen

    def _chosen_byte(self, m, values, name):
        """The byte of a value whose turn it is, after two clocks and one for each value.

        The values are all over the die: the numbers of the value and of its byte go from one to the
        next, and so does the byte.
        """
        place, number, before = self._octet, self._value, C(0, 8)
        for n, value in enumerate(values):
            at, turn = (Signal.like(s, name=f"{name}_{what}_{n}", reset_less=True)
                        for s, what in ((place, "place"), (number, "number")))
            octet, chosen = (Signal(8, name=f"{name}_{what}_{n}", reset_less=True)
                             for what in ("octet", "chosen"))
            own = Signal(name=f"{name}_own_{n}", reset_less=True)
            # As long as `place` can count: with bytes beyond it, each would need a reset.
            whole = Cat(value, value)[:8 << len(place)]
            m.d.sync += [at.eq(place), turn.eq(number), octet.eq(whole.word_select(at, 8)),
                         own.eq(turn == n), chosen.eq(Mux(own, octet, before))]
            place, number, before = at, turn, chosen
        return before

    def _identity(self):
        """The chunks of link.identity."""
        fixed = link.identity(self._config, len(COUNTERS))
        return [C(int.from_bytes(fixed[i:i + CHUNK_BYTES], "little"), 8 * CHUNK_BYTES)
                for i in range(0, len(fixed), CHUNK_BYTES)]

    def _march_chunks(self):
        """MARCH_REPLY in bits."""
        march = self.march
        assert link.MARCH_REPLY.format == "<IBBBxIIII"
        return [Cat(march.left, self.marching, C(0, 7), march.element, march.first_element,
                    C(0, 8)),
                Cat(self.march_number, march.faults), Cat(march.words, march.address)]

    def _now(self):
        """MACHINE_STATUS in bits."""
        status = self.machine_status
        return Cat(status.ready, C(0, 7), status.busy | self.marching, C(0, 7), self.open, C(0, 7),
                   status.error, self.number)
