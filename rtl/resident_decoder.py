"""The stores of a model in block RAM, and the commands that walk through them."""

from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    Module,
    Mux,
    Signal,
    unsigned,
)
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.tape import COMMAND_FIELDS, EXPONENT_PLACE, HEADER_FIELDS
from . import apart
from .interfaces import WordsSignature
from .row_store import RowStore
from .sequential_store import SequentialStore
from .stream_buffer import StreamBuffer
from .tape_decoder import FIELD_BITS, SpanKind, constants_layout, matrix_layout, norm_layout
from .tape_reader import SPAN_BITS, span_layout
from .word_store import WordStore


class ResidentDecoder(Component):
    """Gives what TapeDecoder gives, out of block RAM: norms and matrices each in their own order.

    Norms and matrices do not wait for each other, but for what they need: a NORM with `wait` until
    as many matrices as its field `after` says have been written back, and for the embedding. Gains
    and trits are there all the time, in the order in which they are used; trits are to be taken
    only for a matrix that was.

    Clocks: COMMANDS taken in clock t, the first matrix is there in clock t + 3, the first norm in
    clock t + FIRST_NORM; the norm after the one that was taken in clock t in clock t + NEXT_NORM. A
    norm with `wait` comes a clock later, or in the clock of `written` itself.

    Parameters
    ----------
    config : Config
    contents : compiler.resident.Contents

    Members
    -------
    reads : In(stream of {address, words})
        Spans as the sequencer wants them read; `address` counts only for an embedding, in rows of
        V elements.
    spans : In(stream of {kind, words})
        The same; taken together. COMMANDS has as many words as commands: those of a token read,
        or of a token sampled.
    fields, norms, constants, pairs, matrices, written, settled, idle, starved
        As of TapeDecoder; never starved.
    trits : In(WordsSignature)
    embeddings : Out(stream of V x embedding_bits)
    """

    FIRST_NORM = 8
    NEXT_NORM = 5

    def __init__(self, config, contents):
        self.config, self.contents = config, contents
        formats = config.formats
        self.row = data.ArrayLayout(unsigned(formats.embedding_bits), config.vector)
        beat = data.ArrayLayout(unsigned(formats.pair_bits), config.vector)
        fields = stream.Signature(unsigned(FIELD_BITS))
        super().__init__({
            "reads": In(stream.Signature(span_layout(config))),
            "spans": In(stream.Signature(
                data.StructLayout({"kind": SpanKind, "words": SPAN_BITS}))),
            "fields": Out(fields), "embeddings": Out(stream.Signature(self.row)),
            "norms": Out(stream.Signature(norm_layout)),
            "constants": Out(stream.Signature(constants_layout(formats))),
            "pairs": Out(stream.Signature(beat)),
            "matrices": Out(stream.Signature(matrix_layout)),
            "trits": In(WordsSignature(config.array_bits)),
            "written": In(1), "settled": In(1), "idle": Out(1), "starved": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        self.start = Signal()  # of a token's commands
        # The same for the stores, which are all over the die: their only reset, so that no gate is
        # between it and them.
        self.restart = Signal(init=1, attrs=apart.ATTRIBUTES)
        m.domains.token = token = ClockDomain(local=True)
        m.d.comb += [token.clk.eq(ClockSignal()), token.rst.eq(self.restart)]
        self.sampling = Signal()  # they include those of the head
        self.count = Signal(8)  # matrices written back
        self.counted = Signal(8)  # with `written`
        m.d.comb += self.counted.eq(Mux(self.start, 0, self.count + self.written))
        m.d.sync += self.count.eq(self.counted)
        self.build_payloads(m)
        self.build_norms(m)
        self.build_matrices(m)
        self.build_spans(m)
        return m

    def store(self, m, name, box):
        """Adds a box that begins anew with each token."""
        m.submodules[name] = DomainRenamer("token")(box)
        return box

    def build_payloads(self, m):
        contents = self.contents
        shape = self.pairs.payload.shape()
        pairs = self.store(m, "pairs", SequentialStore(shape.size, contents.pairs))
        # The normaliser is far from the store.
        buffer = self.store(m, "pair_buffer", StreamBuffer(shape))
        m.d.comb += [buffer.i.payload.as_value().eq(pairs.o.payload),
                     buffer.i.valid.eq(pairs.o.valid), pairs.o.ready.eq(buffer.i.ready)]
        connect(m, buffer.o, flipped(self.pairs))
        trits = self.store(m, "trits", WordStore(self.config.array_bits, contents.trits))
        connect(m, trits.o, flipped(self.trits))

    def build_norms(self, m):
        """Takes the fields of a norm one a clock, then hands it out."""
        contents = self.contents
        fields = self.store(m, "norms", SequentialStore(FIELD_BITS, contents.norms))
        norms = len(contents.norms) // COMMAND_FIELDS
        left = Signal(range(norms + 1))
        command = Signal(data.ArrayLayout(unsigned(FIELD_BITS), COMMAND_FIELDS))
        have = Signal(range(COMMAND_FIELDS + 1))
        sent = Signal(2)  # to the normaliser, the scalar unit
        handed = Signal(2)  # to the same
        may_go = Signal()
        some = Signal()  # left != 0, long before a norm is complete
        complete = have == COMMAND_FIELDS
        field = command[0]
        m.d.comb += [
            fields.o.ready.eq(~complete),
            self.norms.payload.source.eq(field[4]), self.norms.payload.repeat.eq(field[6]),
            self.norms.payload.floors.eq(field[7]), self.norms.payload.length.eq(field[16:]),
            self.norms.valid.eq(may_go & ~sent[0]), self.constants.valid.eq(may_go & ~sent[1]),
            handed.eq(sent | Cat(self.norms.valid & self.norms.ready,
                                 self.constants.valid & self.constants.ready)),
        ]
        compared = Signal()
        enough = Signal()  # matrices written
        almost = Signal()  # but for one
        settled = Signal()  # a register, because it comes from far away
        m.d.sync += [settled.eq(self.settled), compared.eq(complete),
                     enough.eq(self.counted >= field[8:16]),
                     almost.eq(self.counted + 1 >= field[8:16])]
        m.d.comb += may_go.eq(complete & some & (
            ~field[5] | (settled & compared & (enough | (almost & self.written)))))
        for n, name in enumerate(("factor", "energy", "constant"), start=1):
            mantissa = self.constants.payload[f"{name}_mantissa"]
            m.d.comb += [mantissa.eq(command[n][:len(mantissa)]),
                         self.constants.payload[f"{name}_exponent"].eq(
                             command[n][EXPONENT_PLACE:])]
        with m.If(fields.o.valid & fields.o.ready):
            m.d.sync += [command.as_value().eq(Cat(command.as_value()[FIELD_BITS:],
                                                   fields.o.payload)),
                         have.eq(have + 1)]
        m.d.sync += sent.eq(handed)
        m.d.sync += some.eq(left != 0)
        with m.If(handed.all()):
            m.d.sync += [sent.eq(0), have.eq(0), left.eq(left - 1)]
        with m.If(self.start):
            m.d.sync += [have.eq(0), sent.eq(0),
                         left.eq(Mux(self.sampling, norms, contents.body_norms))]

    def build_matrices(self, m):
        contents, layout = self.contents, matrix_layout
        words = [layout.const(matrix).as_value().value for matrix in contents.matrices]
        matrices = self.store(m, "matrices", SequentialStore(layout.size, words,
                                                             {"rom_style": "logic"}))
        left = Signal(range(len(words) + 1))
        m.d.comb += [
            self.matrices.payload.as_value().eq(matrices.o.payload),
            self.matrices.valid.eq(matrices.o.valid & (left != 0)),
            matrices.o.ready.eq(self.matrices.ready & (left != 0)),
        ]
        with m.If(self.matrices.valid & self.matrices.ready):
            m.d.sync += left.eq(left - 1)
        self.wanted = Signal.like(left)  # a register, for it is compared far from `sampling`
        m.d.sync += self.wanted.eq(Mux(self.sampling, len(words), contents.body_matrices))
        with m.If(self.start):
            m.d.sync += left.eq(self.wanted)

    def build_spans(self, m):
        """Takes spans: hands out the header, a row of embeddings, or starts the commands."""
        contents, reads, spans = self.contents, self.reads, self.spans
        left = Signal(SPAN_BITS)
        m.submodules.embedding = store = RowStore(self.row.size, contents.embeddings)
        address = Signal.like(store.address)
        there = Signal(RowStore.LATENCY)
        header = contents.header
        field = Signal(range(HEADER_FIELDS + 1))
        sampled = Signal()
        busy = Signal()  # a token's commands have begun
        over = Signal()  # all its matrices have been written back
        m.d.comb += [
            store.address.eq(address), self.embeddings.payload.as_value().eq(store.word),
            self.sampling.eq(sampled), self.starved.eq(0),
        ]
        with m.Switch(field):
            for n in range(HEADER_FIELDS):
                with m.Case(n):
                    m.d.comb += self.fields.payload.eq(
                        int.from_bytes(header[4 * n:4 * n + 4], "little"))
        # Nothing stalls the embedder.
        m.d.sync += there.eq(there << 1)
        m.d.comb += self.embeddings.valid.eq(there[-1])
        m.d.sync += self.restart.eq(0)
        with m.FSM(name="span") as fsm:
            with m.State("SPAN"):
                both = spans.valid & reads.valid
                m.d.comb += [spans.ready.eq(both), reads.ready.eq(both)]
                m.d.sync += field.eq(0)
                with m.If(both):
                    m.d.sync += [left.eq(spans.payload.words), address.eq(reads.payload.address)]
                    with m.Switch(spans.payload.kind):
                        with m.Case(SpanKind.HEADER):
                            m.next = "HEADER"
                        with m.Case(SpanKind.EMBEDDING):
                            m.next = "EMBEDDING"
                        with m.Case(SpanKind.COMMANDS):
                            m.d.sync += sampled.eq(
                                spans.payload.words
                                != contents.body_norms + contents.body_matrices)
                            m.next = "START"
            with m.State("HEADER"):
                m.d.comb += self.fields.valid.eq(1)
                with m.If(self.fields.ready):
                    m.d.sync += [left.eq(left - 1), field.eq(field + 1)]
                    with m.If(left == 1):
                        m.next = "SPAN"
            with m.State("EMBEDDING"):
                m.d.sync += [address.eq(address + 1), left.eq(left - 1), there[0].eq(1)]
                with m.If(left == 1):
                    m.next = "SPAN"
            with m.State("START"):
                m.d.sync += [self.start.eq(1), self.restart.eq(1), busy.eq(1)]
                m.next = "STARTED"
            with m.State("STARTED"):
                m.d.sync += self.start.eq(0)
                m.next = "SPAN"
            # A register, for it comes from far away; low with the first clock after a span.
            m.d.sync += [over.eq((self.count == self.wanted) & ~self.start),
                         self.idle.eq(fsm.ongoing("SPAN") & ~spans.valid & (~busy | over))]
