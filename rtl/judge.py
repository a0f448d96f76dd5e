"""Whether a request may be executed."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out

from ..common import link
from ..common.link import Opcode, Status
from .arguments import ARGUMENT_BITS, view
from .arithmetic import times

# Opcodes whose argument block has the number of a session
OF_SESSIONS = Opcode.RUN, Opcode.PROMPT, Opcode.TOKENS, Opcode.CANCEL


class Judge(Component):
    """Measures arguments and weighs the measures: all that comes out is from registers, or an OR of
    two.

    `verdict` is right CLOCKS clocks after its inputs are, the other outputs one clock before.

    Members
    -------
    opcode : In(one bit for each Opcode)
        One-hot, or none.
    arguments : In(ARGUMENT_BITS)
    left : In(16)
        Bytes of data behind them.
    session, march_number : In(32)
        Those that the machine has.
    resting, ready : In(1)
        No run, no march and no token under way; a model is loaded.
    received, released : In(32)
        Tokens made, and those of them that are no more kept.
    verdict : Out(Status)
        Status.OK: it may be.
    begun : Out(1)
        RUN: of the session that there is.
    asks : Out(1)
        MARCH: begins none, for it is a question or the one that there is.
    stops : Out(1)
        MARCH: of no words.
    any_tokens : Out(1)
        PROMPT: it brings some.
    size : Out
        READ: bytes of the words.
    """

    CLOCKS = 3

    def __init__(self, config):
        self._config = config
        super().__init__({
            "opcode": In(len(Opcode)), "arguments": In(ARGUMENT_BITS), "left": In(16),
            "session": In(32), "march_number": In(32), "resting": In(1), "ready": In(1),
            "received": In(32), "released": In(32),
            "verdict": Out(Status), "begun": Out(1), "asks": Out(1), "stops": Out(1),
            "any_tokens": Out(1), "size": Out(range(link.MAX_DATA + 256 * config.word_bytes)),
        })

    def elaborate(self, platform):
        m = Module()
        faults = self._faults(m)
        verdict = Signal(Status)
        for position, opcode in enumerate(Opcode):
            with m.If(self.opcode[position]):
                status = Status.OK
                for fault, its_status in reversed(faults.get(opcode, ())):
                    status = Mux(fault, its_status, status)
                m.d.comb += verdict.eq(status)
        m.d.sync += self.verdict.eq(verdict)
        return m

    def _faults(self, m):
        """{opcode: (what may be wrong, its Status), the first of them counts}"""
        beyond, too_long, all_words = self._measure_range(m)
        same, no_session = self._measure_session(m)
        many, all_tokens, kept = self._measure_tokens(m)
        self._measure_march(m)
        m.d.comb += self.begun.eq(same[Opcode.RUN])
        rest = ~self.resting, Status.BUSY
        placed = ((beyond, Status.BAD_ADDRESS), rest)
        asked = {opcode: (~same[opcode], Status.BAD_SESSION) for opcode in OF_SESSIONS}
        wrong_length = ~all_tokens | many, Status.BAD_LENGTH
        return {
            Opcode.WRITE: ((too_long | ~all_words, Status.BAD_LENGTH), *placed),
            Opcode.READ: ((too_long, Status.BAD_LENGTH), *placed),
            Opcode.VERIFY: placed,
            Opcode.LOAD_MODEL: (rest,),
            Opcode.RUN: ((no_session, Status.BAD_SESSION), (same[Opcode.RUN], Status.OK), rest,
                         (~self.ready, Status.NOT_READY)),
            Opcode.PROMPT: (wrong_length, asked[Opcode.PROMPT]),
            Opcode.TOKENS: (asked[Opcode.TOKENS], (~kept, Status.BAD_INDEX)),
            Opcode.CANCEL: (asked[Opcode.CANCEL],),
            Opcode.MARCH: ((self.asks | self.stops, Status.OK), *placed),
            Opcode.RESET: (rest,),
        }

    def _measure_range(self, m):
        words, word_bytes = view(Opcode.READ, self.arguments).words, self._config.word_bytes
        end = Signal(33, reset_less=True)
        beyond, too_long, all_words = (Signal(name=n) for n in ("beyond", "too_long", "all_words"))
        m.d.sync += [
            self.size.eq(times(words[:8], word_bytes)), all_words.eq(self.left == self.size),
            too_long.eq(words > link.MAX_DATA // word_bytes),
            end.eq(view(Opcode.READ, self.arguments).address + words),
            beyond.eq(end > self._config.memory_words),
        ]
        return beyond, too_long, all_words

    def _measure_session(self, m):
        """{opcode: its session is the machine's}, and whether that of RUN is none."""
        same, none = {}, Signal(name="no_session")
        m.d.sync += none.eq(view(Opcode.RUN, self.arguments).session == 0)
        for opcode in OF_SESSIONS:
            name = f"same_session_{opcode.name.lower()}"
            same[opcode], halves = Signal(name=name), Signal(2, name=f"{name}_halves")
            session = view(opcode, self.arguments).session
            m.d.sync += [halves.eq(Cat(session[:16] == self.session[:16],
                                       session[16:] == self.session[16:])),
                         same[opcode].eq(halves.all())]
        return same, none

    def _measure_tokens(self, m):
        tokens = view(Opcode.PROMPT, self.arguments).tokens
        needed = Signal(range(256 * link.TOKEN_BYTES), reset_less=True)
        past, made = (Signal(32, name=name, reset_less=True) for name in ("past", "made"))
        many, all_tokens, kept = (Signal(name=name) for name in ("many", "all_tokens", "kept"))
        m.d.sync += [
            needed.eq(times(tokens[:8], link.TOKEN_BYTES)), all_tokens.eq(self.left == needed),
            many.eq(tokens > link.TOKENS_PER_FRAME), self.any_tokens.eq(tokens != 0),
            past.eq(view(Opcode.TOKENS, self.arguments).index - self.released),
            made.eq(self.received - self.released), kept.eq(past <= made),
        ]
        return many, all_tokens, kept

    def _measure_march(self, m):
        arguments = view(Opcode.MARCH, self.arguments)
        none = Signal()
        same = Signal()
        m.d.sync += [none.eq(arguments.number == 0), same.eq(arguments.number == self.march_number),
                     self.stops.eq(arguments.words == 0)]
        m.d.comb += self.asks.eq(none | same)
