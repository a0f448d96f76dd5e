"""Executes the requests of docs/link.md."""

from math import ceil

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common import link
from ..common.counters import COUNTERS
from ..common.link import Opcode, Status
from ..common.signatures import STREAMS
from .arguments import ARGUMENT_BITS, LAYOUTS, view
from .arithmetic import times
from .frames import header_layout
from .interfaces import TOKEN_BITS, MachineSignature, MemorySignature
from .judge import Judge
from .memory_access import MemoryAccess
from .memory_march import MemoryMarch
from .responder import Responder
from .session import SETTLE_CLOCKS, Session
from .stream_buffer import StreamBuffer

RESPONSE_BIT = link.RESPONSE.bit_length() - 1


class Control(Component):
    """The control unit: takes one request at a time, executes it, gives one response.

    A request's argument block is shifted into a register and judged (judge.py); data behind it
    stream to where they belong; the response is made of chunks of a few bytes. Every request may be
    repeated without harm. Frames that are responses themselves are dropped in silence.

    Parameters
    ----------
    config : Config
    poll_clocks : int
        How long TOKENS and LOAD_MODEL wait for something to report.

    Members
    -------
    requests : In(stream of {length, sequence, kind}), request_bytes : In(stream of 8 bits)
        From FrameParser.
    responses : Out(stream of {length, sequence, kind}), response_bytes : Out(stream of 8 bits)
        To FrameBuilder.
    memory : Out(MemorySignature)
        Used only while no run is open.
    machine : Out(MachineSignature)
    open : Out(1)
        A run is open: from RUN until its last token has been received.
    active : Out(1)
        A request is being executed.
    """

    def __init__(self, config, *, poll_clocks=None):
        if config.word_bytes > link.MAX_DATA:
            raise ValueError(f"a word of {config.word_bytes} bytes does not fit a frame of "
                             f"{link.MAX_DATA}")
        if link.MARCH_REPLY.size + 2 * config.word_bytes > link.MAX_PAYLOAD:
            raise ValueError(f"two words of {config.word_bytes} bytes do not fit the answer to "
                             "MARCH")
        self._config = config
        self._poll_clocks = poll_clocks or ceil(config.clock_hz * link.POLL_SECONDS)
        super().__init__({
            "requests": In(stream.Signature(header_layout)),
            "request_bytes": In(stream.Signature(8)),
            "responses": Out(stream.Signature(header_layout)),
            "response_bytes": Out(stream.Signature(8)),
            "memory": Out(MemorySignature(config)),
            "machine": Out(MachineSignature()),
            "open": Out(1),
            "active": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.access = self._access = MemoryAccess(self._config)
        m.submodules.march = self._march = MemoryMarch(self._config)
        m.submodules.session = self._session = Session(self._config)
        m.submodules.responder = self._responder = Responder(self._config)
        self._request = Signal(header_layout)
        self._left = Signal(16)  # bytes of the request's payload still to take
        self._none = Signal()  # which are none
        self._is = {opcode: Signal(name=f"is_{opcode.name.lower()}") for opcode in Opcode}
        self._arguments = Signal(ARGUMENT_BITS, reset_less=True)
        self._arguments_left = Signal(range(ARGUMENT_BITS // 8 + 1))
        m.submodules.judge = self._judge = Judge(self._config)
        self._number = Signal(32)  # of the session
        self._march_number = Signal(32)
        self._status = Signal(Status)
        self._length = Signal(16)  # of the response
        self._count = Signal(8)  # tokens left to take or give
        self._index = Signal(32)  # the next
        self._some = Signal()  # tokens are left to take
        self._flags = Signal(16)
        self._waited = Signal(range(self._poll_clocks + 2))

        self._build_ports(m)
        self._build_judge(m)
        self._build_responder(m)
        with m.FSM() as fsm:
            m.d.comb += self.active.eq(~fsm.ongoing("IDLE") | self._march.busy)
            self._build_request_states(m)
            for clock in range(Judge.CLOCKS):
                with m.State(f"WEIGH_{clock}"):
                    m.next = f"WEIGH_{clock + 1}" if clock + 1 < Judge.CLOCKS else "JUDGE"
            with m.State("JUDGE"):
                with m.If(self._judge.verdict != Status.OK):
                    self._refuse(m, self._judge.verdict)
                for opcode in Opcode:
                    with m.Elif(self._is[opcode]):
                        getattr(self, f"_begin_{opcode.name.lower()}")(m)
            self._build_data_states(m)
            self._build_wait_states(m)
            with m.State("RESPOND"):
                m.d.comb += self._responder.start.eq(1)
                m.next = "ANSWER"
            with m.State("ANSWER"):
                with m.If(~self._responder.busy):
                    m.next = "IDLE"
        return m

    def _view(self, opcode):
        return view(opcode, self._arguments)

    def _build_ports(self, m):
        session, access, machine = self._session, self._access, self.machine
        march, march_view = self._march, self._view(Opcode.MARCH)
        connect(m, access.memory, march.through)
        connect(m, march.memory, flipped(self.memory))
        connect(m, session.prompt, flipped(machine.prompt))
        connect(m, flipped(machine.tokens), session.tokens)
        self._resting = Signal()
        self._taken = Signal()  # a byte, in the clock before
        self._byte = Signal(8)
        m.d.comb += [
            machine.cancel.eq(session.cancel),
            session.status.eq(machine.status),
            session.generate.eq(machine.generate),
            session.index.eq(self._view(Opcode.TOKENS).index),
            session.entry.token.eq(Cat(self._arguments, self._byte)[-TOKEN_BITS:]),
            session.entry.last.eq((self._count == 1) & self._flags[0]),
            self.open.eq(session.open),
            access.operation.eq(self._request.kind),
            access.address.eq(self._view(Opcode.READ).address),
            access.words.eq(self._view(Opcode.READ).words),
            march.address.eq(march_view.address), march.words.eq(march_view.words),
            march.background.eq(march_view.background),
        ]
        self._march_start = Signal()  # enables much
        self._access_start = Signal()  # so does this
        m.d.sync += [march.start.eq(self._march_start), access.start.eq(self._access_start)]
        self._accessed = Signal()
        m.d.comb += self._accessed.eq(~access.busy & ~access.start)
        self._load = Signal()
        m.d.sync += machine.load_model.eq(march.done | self._load)  # done: the tape is gone

        m.d.sync += self._resting.eq(~session.open & ~machine.status.busy & ~march.busy)
        m.d.sync += [self._taken.eq(self.request_bytes.valid & self.request_bytes.ready),
                     self._byte.eq(self.request_bytes.payload)]
        with m.If(self._taken):
            m.d.sync += [self._left.eq(self._left - 1), self._none.eq(self._left == 1),
                         self._arguments.eq(Cat(self._arguments[8:], self._byte))]

    def _build_judge(self, m):
        judge, session = self._judge, self._session
        m.d.comb += [
            judge.opcode.eq(Cat(self._is.values())), judge.arguments.eq(self._arguments),
            judge.left.eq(self._left), judge.session.eq(self._number),
            judge.march_number.eq(self._march_number), judge.resting.eq(self._resting),
            judge.ready.eq(self.machine.status.ready), judge.received.eq(session.received),
            judge.released.eq(session.released),
        ]
        self._next = Signal()  # the token is the one that the session wants
        m.d.sync += self._next.eq(self._index == session.accepted)

    def _build_responder(self, m):
        session, access, responder = self._session, self._access, self._responder
        m.submodules.words_read = words_read = StreamBuffer(self._config.word_bits)
        connect(m, access.o, words_read.i)
        connect(m, words_read.o, responder.words)
        connect(m, responder.responses, flipped(self.responses))
        connect(m, responder.response_bytes, flipped(self.response_bytes))
        m.d.comb += [
            responder.opcode.eq(self._request.kind),
            responder.sequence.eq(self._request.sequence),
            responder.status.eq(self._status),
            responder.length.eq(self._length),
            responder.crc.eq(access.crc),
            responder.accepted.eq(session.accepted),
            responder.room.eq(session.room),
            responder.index.eq(self._index),
            responder.count.eq(self._count),
            responder.flags.eq(self._flags),
            responder.token.eq(session.token),
            responder.machine_status.eq(self.machine.status),
            responder.march.eq(self._march.report), responder.marching.eq(self._march.busy),
            responder.march_number.eq(self._march_number),
            responder.signatures.eq(self.machine.signatures),
            responder.model.eq(self.machine.model),
            responder.counters.eq(self.machine.counters),
            responder.open.eq(session.open),
            responder.number.eq(self._number),
            session.read_index.eq(responder.token_index),
        ]

    # Request: header, argument block ---------------------------------------------------------

    def _build_request_states(self, m):
        header = self.requests.payload
        with m.State("IDLE"):
            m.d.comb += self.requests.ready.eq(1)
            m.d.sync += [
                self._request.eq(header), self._left.eq(header.length),
                self._none.eq(header.length == 0),
                self._status.eq(Status.OK), self._length.eq(0), self._waited.eq(0),
            ]
            with m.If(self.requests.valid):
                m.next = "DECODE"
        self._build_admission(m)
        with m.State("ARGUMENTS"):
            m.d.comb += self.request_bytes.ready.eq(1)
            with m.If(self.request_bytes.valid):
                m.d.sync += self._arguments_left.eq(self._arguments_left - 1)
                with m.If(self._arguments_left == 1):
                    m.next = "LAST"
        with m.State("LAST"):  # byte of the arguments, which are whole in the next clock
            m.next = "WEIGH_0"
        with m.State("SKIP"):
            m.d.comb += self.request_bytes.ready.eq(~self._none & ~self._taken)
            with m.If(self._none & self._request.kind[RESPONSE_BIT]):
                m.next = "IDLE"
            with m.Elif(self._none):
                m.next = "RESPOND"

    def _build_admission(self, m):
        """Does the opcode exist, and has the frame room for its arguments?"""
        known = Signal()
        has_data = Signal()
        misfit = Signal()
        wanted = Signal(range(ARGUMENT_BITS // 8 + 1))  # bytes of arguments
        with m.State("DECODE"):
            m.d.sync += [known.eq(0), has_data.eq(0)]
            for opcode in Opcode:
                m.d.sync += self._is[opcode].eq(self._request.kind == opcode)
            with m.Switch(self._request.kind):
                for opcode in Opcode:
                    with m.Case(opcode):
                        m.d.sync += [known.eq(1), wanted.eq(LAYOUTS[opcode].size // 8),
                                     has_data.eq(opcode in (Opcode.WRITE, Opcode.PROMPT))]
            m.next = "FIT"
        with m.State("FIT"):
            m.d.sync += misfit.eq(Mux(has_data, self._left < wanted, self._left != wanted))
            m.next = "ADMIT"
        with m.State("ADMIT"):
            m.d.sync += self._arguments_left.eq(wanted)
            with m.If(~known):
                self._refuse(m, Status.UNKNOWN_OPCODE)
            with m.Elif(misfit):
                self._refuse(m, Status.BAD_LENGTH)
            with m.Elif(wanted != 0):
                m.next = "ARGUMENTS"
            with m.Else():
                m.next = "WEIGH_0"

    def _refuse(self, m, status):
        m.d.sync += self._status.eq(status)
        m.next = "SKIP"

    def _respond(self, m, length):
        m.d.sync += self._length.eq(length)
        m.next = "RESPOND"

    # What has been judged to be right begins ---------------------------------------------------

    def _begin_access(self, m, then):
        """An operation on memory."""
        m.d.comb += self._access_start.eq(1)
        m.d.sync += self._length.eq(self._judge.size)  # of READ
        m.next = then

    def _begin_identify(self, m):
        self._respond(m, link.IDENTITY.size + link.MACHINE_STATUS.size + link.MODEL.size)

    def _begin_write(self, m):
        self._begin_access(m, "WRITE")

    def _begin_read(self, m):
        self._begin_access(m, "RESPOND")

    def _begin_verify(self, m):
        self._begin_access(m, "VERIFY")

    def _begin_load_model(self, m):
        m.d.comb += self._load.eq(1)
        m.next = "LOAD"

    def _begin_run(self, m):
        with m.If(self._judge.begun):
            self._respond(m, link.MACHINE_STATUS.size)
        with m.Else():
            m.next = "ACCEPT"

    def _begin_prompt(self, m):
        arguments = self._view(Opcode.PROMPT)
        m.d.sync += [
            self._index.eq(arguments.index), self._count.eq(arguments.tokens),
            self._flags.eq(arguments.flags), self._some.eq(self._judge.any_tokens),
        ]
        m.next = "PROMPT"

    def _begin_tokens(self, m):
        m.d.sync += self._index.eq(self._view(Opcode.TOKENS).index)
        m.d.comb += self._session.acknowledge.eq(1)
        m.next = "TOKENS"

    def _begin_cancel(self, m):
        m.d.comb += self._session.stop.eq(1)
        self._respond(m, link.MACHINE_STATUS.size)

    def _begin_counters(self, m):
        m.d.comb += self.machine.clear_counters.eq(
            self._view(Opcode.COUNTERS).flags[link.CLEAR.bit_length() - 1])
        self._respond(m, link.COUNTER_BYTES * len(COUNTERS))

    def _begin_signatures(self, m):
        m.d.comb += self.machine.clear_signatures.eq(
            self._view(Opcode.SIGNATURES).flags[link.CLEAR.bit_length() - 1])
        self._respond(m, link.SIGNATURE_BYTES * len(STREAMS) * self._config.signatures)

    def _begin_march(self, m):
        march = self._march
        with m.If(~self._judge.asks):
            m.d.sync += self._march_number.eq(self._view(Opcode.MARCH).number)
            m.d.comb += [march.stop.eq(self._judge.stops),
                         self._march_start.eq(~self._judge.stops)]
        self._respond(m, link.MARCH_REPLY.size + 2 * self._config.word_bytes)

    def _begin_reset(self, m):
        m.d.comb += self.machine.reset_state.eq(1)
        self._respond(m, link.MACHINE_STATUS.size)

    # Data behind the argument block ----------------------------------------------------------

    def _build_data_states(self, m):
        session = self._session
        m.submodules.bytes_to_write = to_write = StreamBuffer(8)
        connect(m, to_write.o, self._access.i)
        m.d.comb += to_write.i.payload.eq(self.request_bytes.payload)
        with m.State("WRITE"):
            m.d.sync += self._length.eq(0)
            m.d.comb += [
                to_write.i.valid.eq(self.request_bytes.valid),
                self.request_bytes.ready.eq(to_write.i.ready),
            ]
            with m.If(self._accessed):
                m.next = "RESPOND"
        with m.State("PROMPT"):
            token_byte = Signal(range(link.TOKEN_BYTES))
            m.d.comb += self.request_bytes.ready.eq(self._some)
            with m.If(~self._some):
                self._respond(m, link.PROMPT_REPLY.size)
            with m.Elif(self.request_bytes.valid):
                m.d.sync += token_byte.eq(token_byte + 1)
                with m.If(token_byte == link.TOKEN_BYTES - 1):
                    m.d.sync += token_byte.eq(0)
                    m.next = "PUSH"
        with m.State("PUSH"):
            # A token that is not the next is a repeat, or one follows that found no room.
            m.d.comb += session.push.eq(self._next)
            m.d.sync += [self._index.eq(self._index + 1), self._count.eq(self._count - 1),
                         self._some.eq(self._count != 1)]
            m.next = "PROMPT"

    # Requests that take time -----------------------------------------------------------------

    def _build_wait_states(self, m):
        session, machine = self._session, self.machine
        over_time = Signal()
        known = Signal()
        settled = Signal()
        ripe = Signal()
        m.d.sync += [
            over_time.eq(self._waited == self._poll_clocks),
            known.eq(machine.status.ready | (machine.status.error != 0)),
            settled.eq(self._waited >= 2 * SETTLE_CLOCKS),
            ripe.eq(self._waited != 0),  # for two clocks
        ]
        pulses = Signal(3)  # a clock after START, since they enable much
        m.d.comb += Cat(machine.reseed, machine.reset_state, machine.clear_counters).eq(pulses)
        m.d.sync += pulses.eq(0)
        view = self._view(Opcode.RUN)
        with m.State("ACCEPT"):  # a clock after the judgement, for it enables much
            m.d.sync += [
                self._number.eq(view.session),
                machine.generate.eq(view.generate),
                machine.temperature.eq(view.temperature),
                machine.seed.eq(view.seed),
                self._flags.eq(view.flags),
            ]
            m.next = "START"
        with m.State("START"):
            m.d.comb += session.start.eq(1)
            m.d.sync += pulses.eq(self._flags)
            self._respond(m, link.MACHINE_STATUS.size)
        with m.State("VERIFY"):
            with m.If(self._accessed):
                self._respond(m, link.CRC_REPLY.size)
        with m.State("LOAD"):
            m.d.sync += self._waited.eq(self._waited + 1)
            with m.If(over_time | (known & settled)):
                self._respond(m, link.MACHINE_STATUS.size)
        # What there is to give, a register behind each step; `open` is as old as the number.
        available = Signal(32)
        number = Signal.like(self._count)
        some = Signal()
        more = Signal()
        still_open = Signal()
        held_open = Signal()
        m.d.sync += [
            available.eq(session.received - self._index), still_open.eq(session.open),
            number.eq(available), some.eq(available != 0), held_open.eq(still_open),
            more.eq(available > link.TOKENS_PER_FRAME),
        ]
        with m.State("TOKENS"):
            m.d.sync += self._waited.eq(self._waited + 1)
            with m.If(ripe & (some | ~held_open | over_time)):
                m.d.sync += [
                    self._count.eq(Mux(more, link.TOKENS_PER_FRAME, number)),
                    self._flags.eq(Cat(~held_open & ~more, session.cancelled)),
                ]
                m.next = "COUNTED"
        with m.State("COUNTED"):
            self._respond(m, link.TOKENS_REPLY.size + times(self._count, link.TOKEN_BYTES))
