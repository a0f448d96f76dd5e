"""Takes the tape apart: commands, gains and trits go to the boxes that wait for them."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, enum, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.tape import COMMAND_FIELDS, EXPONENT_BITS, EXPONENT_PLACE, Opcode
from .tape_reader import SPAN_BITS

FIELD_BITS = 32  # of a command

norm_layout = data.StructLayout({"source": 1, "length": 16, "repeat": 1, "floors": 1})
matrix_layout = data.StructLayout({"chunks": 16, "rows": 20, "function": 3, "release": 1})


def constants_layout(formats):
    """Of the scalar unit: what the fields of a NORM say."""
    mantissas = {"factor": formats.scale_bits, "energy": formats.epsilon_bits,
                 "constant": formats.epsilon_bits}
    return data.StructLayout({
        key: shape for name, bits in mantissas.items()
        for key, shape in ((f"{name}_mantissa", unsigned(bits)),
                           (f"{name}_exponent", signed(EXPONENT_BITS)))})


class SpanKind(enum.Enum, shape=2):
    """What a span of memory holds."""

    HEADER = 0
    EMBEDDING = 1
    COMMANDS = 2


class TapeDecoder(Component):
    """Words of the memory -> what they are.

    A word is one word of trits, a few fields of a command or the header, or a few beats of V pairs
    of slots: gains, embeddings.
    A command takes its words, then a clock to be handed out, then its payload, one word (trits)
    or one beat (pairs) a clock. A NORM with the flag `wait` is held until every MATRIX before it
    has been written back.

    Members
    -------
    spans : In(stream of {kind, words})
        What the next words are; taken when the words of the span before have all been taken.
    words : In(stream of word_bits)
    fields : Out(stream of word_bits)
        Words of a header.
    embeddings : Out(stream of V x pair_bits)
    norms, constants : Out(stream)
        A NORM, to the normaliser and to the scalar unit.
    pairs : Out(stream of V x pair_bits)
        Its gains.
    matrices : Out(stream), trits : Out(stream of word_bits)
        A MATRIX and its trits.
    written : In(1)
        Pulse: a matrix has been written back.
    settled : In(1)
        The embedding has been written.
    idle : Out(1)
        Nothing in hand, and every matrix written back.
    starved : Out(1)
        Waits for a word.
    """

    def __init__(self, config):
        self.config = config
        beat = data.ArrayLayout(unsigned(config.formats.pair_bits), config.vector)
        words = stream.Signature(unsigned(config.word_bits))
        super().__init__({
            "spans": In(stream.Signature(
                data.StructLayout({"kind": SpanKind, "words": SPAN_BITS}))),
            "words": In(words),
            "fields": Out(words),
            "embeddings": Out(stream.Signature(beat)),
            "norms": Out(stream.Signature(norm_layout)),
            "constants": Out(stream.Signature(constants_layout(config.formats))),
            "pairs": Out(stream.Signature(beat)),
            "matrices": Out(stream.Signature(matrix_layout)),
            "trits": Out(words),
            "written": In(1),
            "settled": In(1),
            "idle": Out(1),
            "starved": Out(1),
        })

    def elaborate(self, platform):
        m, config = Module(), self.config
        words = self.words
        left = Signal(SPAN_BITS)  # words of the span
        left_one = Signal()  # left == 1
        payload = Signal(SPAN_BITS)  # words (trits) or beats (pairs) of the command
        final = Signal()  # payload == 1
        giving = Signal()  # state TRITS, without the way through its code
        unwritten = Signal(8)  # matrices handed out and not yet written back
        taken = words.valid & words.ready
        with m.If(taken):
            m.d.sync += [left.eq(left - 1), left_one.eq(left == 2)]

        issued = self.matrices.valid & self.matrices.ready
        m.d.sync += unwritten.eq(unwritten + issued - self.written)

        # A word as beats: `part` walks through it.
        beat_bits = self.pairs.payload.shape().size
        parts = config.word_bits // beat_bits
        part = Signal(range(max(parts, 2)))
        beat = words.payload.word_select(part, beat_bits)
        m.d.comb += [self.pairs.payload.as_value().eq(beat),
                     self.embeddings.payload.as_value().eq(beat),
                     self.trits.payload.eq(words.payload),
                     self.trits.valid.eq(words.valid & giving),
                     self.fields.payload.eq(words.payload)]

        def give_beats(to, last):
            """Hands the beats of words to stream `to`; `last` marks the last one wanted."""
            m.d.comb += [to.valid.eq(words.valid),
                         words.ready.eq(to.ready & ((part == parts - 1) | last))]
            with m.If(to.valid & to.ready):
                m.d.sync += part.eq(Mux((part == parts - 1) | last, 0, part + 1))

        # A command as fields.
        per_word = config.word_bits // FIELD_BITS
        steps = -(-COMMAND_FIELDS // per_word)
        step = Signal(range(max(steps, 2)))
        command = Signal(data.ArrayLayout(unsigned(FIELD_BITS), steps * per_word))
        opcode, wait, length = command[0][:4], command[0][5], command[0][16:32]
        beats = (length + (config.vector - 1)) // config.vector
        quiet = Signal()  # both are written, as a clock ago; no matrix is handed out with a norm
        m.d.sync += quiet.eq(
            self.settled & ((unwritten == 0) | ((unwritten == 1) & self.written)))
        may_go = ~wait | quiet
        sent = Signal(2)  # of a NORM: handed to the normaliser, to the scalar unit
        handed = Signal(2)
        m.d.comb += handed.eq(sent | Cat(self.norms.valid & self.norms.ready,
                                         self.constants.valid & self.constants.ready))
        m.d.comb += [
            self.norms.payload.source.eq(command[0][4]),
            self.norms.payload.repeat.eq(command[0][6]),
            self.norms.payload.floors.eq(command[0][7]),
            self.norms.payload.length.eq(length),
            self.matrices.payload.function.eq(command[0][4:7]),
            self.matrices.payload.release.eq(command[0][7]),
            self.matrices.payload.chunks.eq(command[1]),
            self.matrices.payload.rows.eq(command[2]),
        ]
        for field, name in enumerate(("factor", "energy", "constant"), start=1):
            mantissa = self.constants.payload[f"{name}_mantissa"]
            m.d.comb += [mantissa.eq(command[field][:len(mantissa)]),
                         self.constants.payload[f"{name}_exponent"].eq(
                             command[field][EXPONENT_PLACE:])]

        def end_of_command():
            with m.If(left_one):
                m.next = "SPAN"
            with m.Else():
                m.next = "COMMAND"

        with m.FSM(name="state") as fsm:
            with m.State("SPAN"):
                m.d.comb += self.spans.ready.eq(1)
                with m.If(self.spans.valid):
                    m.d.sync += [left.eq(self.spans.payload.words),
                                 left_one.eq(self.spans.payload.words == 1)]
                    with m.Switch(self.spans.payload.kind):
                        with m.Case(SpanKind.HEADER):
                            m.next = "HEADER"
                        with m.Case(SpanKind.EMBEDDING):
                            m.next = "EMBEDDING"
                        with m.Case(SpanKind.COMMANDS):
                            m.next = "COMMAND"
            with m.State("HEADER"):
                m.d.comb += [self.fields.valid.eq(words.valid), words.ready.eq(self.fields.ready)]
                with m.If(taken & left_one):
                    m.next = "SPAN"
            with m.State("EMBEDDING"):
                give_beats(self.embeddings, 0)
                with m.If(taken & left_one):
                    m.next = "SPAN"
            with m.State("COMMAND"):
                m.d.comb += words.ready.eq(1)
                with m.If(words.valid):
                    m.d.sync += [
                        command.as_value().word_select(step, config.word_bits).eq(words.payload),
                        step.eq(Mux(step == steps - 1, 0, step + 1))]
                    with m.If(step == steps - 1):
                        m.next = "HAND OUT"
            with m.State("HAND OUT"):
                with m.If(opcode == Opcode.NORM):
                    m.d.comb += [self.norms.valid.eq(may_go & ~sent[0]),
                                 self.constants.valid.eq(may_go & ~sent[1])]
                    m.d.sync += [sent.eq(handed), payload.eq(beats), final.eq(beats == 1)]
                    with m.If(handed.all()):
                        m.d.sync += sent.eq(0)
                        m.next = "PAIRS"
                with m.Else():
                    m.d.comb += self.matrices.valid.eq(1)
                    m.d.sync += [payload.eq(command[3]), final.eq(command[3] == 1)]
                    with m.If(self.matrices.ready):
                        m.d.sync += giving.eq(1)
                        m.next = "TRITS"
            with m.State("PAIRS"):
                give_beats(self.pairs, final)
                with m.If(self.pairs.valid & self.pairs.ready):
                    m.d.sync += [payload.eq(payload - 1), final.eq(payload == 2)]
                    with m.If(final):
                        end_of_command()
            with m.State("TRITS"):
                m.d.comb += words.ready.eq(self.trits.ready)
                with m.If(words.valid & self.trits.ready):  # taken, said with fewer gates
                    m.d.sync += [payload.eq(payload - 1), final.eq(payload == 2)]
                    with m.If(final):
                        m.d.sync += giving.eq(0)
                        end_of_command()

            m.d.comb += self.idle.eq(fsm.ongoing("SPAN") & (unwritten == 0))
            m.d.comb += self.starved.eq(words.ready & ~words.valid)
        return m
