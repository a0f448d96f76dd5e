"""Matrices of trits times vectors of codes."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..common.config import TRITS_PER_BYTE
from .code_banks import CodeBanks
from .stream_buffer import StreamBuffer
from .sum_queue import SumQueue
from .ternary_row import TernaryRow
from .trit_decoder import TritDecoder

matrix_layout = data.StructLayout({"chunks": 16, "rows": 20, "function": 3, "release": 1})


class TernaryArray(wiring.Component):
    """sums[m] = sum over n of trits[m, n] * codes[n], `rows` x `inputs` products a clock.

    A word of `trits` holds a row group's trits for one chunk of inputs (compiler/packing.py). Two
    words wait in a buffer, where a word comes a clock after it was accepted. One word a clock is
    taken from there (`busy`), without a gap between groups, while its codes are there; but a word
    that completes a group waits until SumQueue has room. Behind that word nothing ever waits, so
    that no enable runs through the lanes.

    Clocks, when nothing else holds them up:

    - last beat of codes accepted in clock t: the first word can be taken in clock t + 1;
    - matrix accepted in clock t: its first word is accepted from clock t + 1 on;
    - last word of a matrix accepted in clock t: the next matrix is accepted from clock t + 1 on;
    - word that completes a group taken in clock t: its first sums are valid in clock t + `latency`,
      one more beat every clock;
    - a bank of codes released by a word taken in clock t takes new codes from clock t + 2;
    - words that complete groups are taken at least `queue.beats` clocks apart (SumQueue's rule).

    Parameters
    ----------
    columns : int
        Vectors that are multiplied by the same trits.

    Members
    -------
    codes : In(stream of {codes: ArrayLayout(signed(8), columns * vector), last})
        A vector, `vector` elements of each column a beat, to the bank that is free.
    matrices : In(stream of {chunks, rows, function, release})
        `rows` outputs from `chunks` chunks of inputs, both at least 1. With `release` the next
        matrix has other codes, else the same.
    trits : In(stream of word_bits)
        ceil(rows / config.rows) * chunks words a matrix, groups outermost.
    sums : Out(stream of {values: ArrayLayout(signed(accumulator_bits), vector), function, first,
    last, release})
        The outputs in row order, ceil(rows / vector) beats a matrix; zeros fill the last one.
        With more columns: the beats of each column for every row group.
    busy : Out(1)
        A word is taken from the buffer in this clock.
    waiting : Out(1)
        A word is there, the codes are not.
    """

    row_unit = TernaryRow  # (inputs, bits): the part that is worth writing in another way

    def __init__(self, config, *, columns=None):
        self.config = config
        self.columns = config.columns if columns is None else columns
        self.banks = CodeBanks(config, self.columns)
        self.row_units = [[self.row_unit(config.inputs, config.accumulator_bits)
                           for _ in range(config.rows)] for _ in range(self.columns)]
        # Clocks from a word to the accumulators.
        self.depth = TritDecoder.latency + self.row_units[0][0].latency
        self.queue = SumQueue(config, self.columns, self.depth)
        super().__init__({
            "codes": In(self.banks.i.signature.flip()),
            "matrices": In(stream.Signature(matrix_layout)),
            "trits": In(stream.Signature(unsigned(config.array_bits))),
            "sums": Out(self.queue.sums.signature),
            "busy": Out(1),
            "waiting": Out(1),
        })

    @property
    def latency(self):
        """Clocks from taking the word that completes a group to the first of its sums."""
        return self.depth + self.queue.latency

    def elaborate(self, _platform):
        m = Module()
        m.submodules.banks, m.submodules.queue = self.banks, self.queue
        connect(m, flipped(self.codes), self.banks.i)
        connect(m, self.queue.sums, flipped(self.sums))
        words = self.build_words(m)
        complete = self.build_control(m, words)
        self.build_lanes(m, self.build_decoders(m, words.payload.trits),
                         self.delayed(m, self.busy, "valid"),
                         self.delayed(m, complete, "complete"))
        m.d.comb += self.queue.group.eq(self.delayed(m, words.payload.group, "group"))
        return m

    def delayed(self, m, value, name):
        """What belongs to a word, when the word reaches the accumulators."""
        for k in range(self.depth):
            later = Signal.like(value, name=f"{name}_{k + 1}")
            m.d.sync += later.eq(value)
            value = later
        return value

    def build_words(self, m):
        """Gives the words of trits, each with what the array must know of it, in a buffer.

        So what decides whether a word is taken, and what is done with it, comes from registers.
        """
        rows = self.config.rows
        m.submodules.buffer = buffer = StreamBuffer(data.StructLayout({
            "trits": self.config.word_bits, "last_chunk": 1, "group": self.queue.group_layout}))
        matrix = Signal(matrix_layout)
        active = Signal()
        left = Signal(16)  # chunks after this one
        more = Signal(16)  # chunks after the first
        last_chunk = Signal()  # left == 0
        once = Signal()  # more == 0
        first_group = Signal()
        last_group = Signal()
        offered = self.matrices.payload
        word = buffer.i.payload
        step = Signal()
        m.d.comb += [
            self.matrices.ready.eq(~active),
            self.trits.ready.eq(active & buffer.i.ready),
            buffer.i.valid.eq(active & self.trits.valid),
            step.eq(buffer.i.valid & buffer.i.ready),
            word.trits.eq(self.trits.payload), word.last_chunk.eq(last_chunk),
            word.group.function.eq(matrix.function), word.group.release.eq(matrix.release),
            word.group.first.eq(first_group), word.group.last.eq(last_group),
            word.group.rows.eq(matrix.rows),  # cut to what can be left in the last group
        ]
        with m.If(step):
            m.d.sync += [left.eq(left - 1), last_chunk.eq(left == 1)]
            with m.If(last_chunk):
                m.d.sync += [
                    left.eq(more), last_chunk.eq(once), first_group.eq(0),
                    matrix.rows.eq(matrix.rows - rows), last_group.eq(matrix.rows <= 2 * rows),
                    active.eq(~last_group),
                ]
        with m.If(~active):  # whatever is offered, which keeps `valid` out of the enables
            m.d.sync += [
                active.eq(self.matrices.valid), matrix.eq(offered),
                left.eq(offered.chunks - 1), more.eq(offered.chunks - 1),
                last_chunk.eq(offered.chunks == 1), once.eq(offered.chunks == 1),
                first_group.eq(1), last_group.eq(offered.rows <= rows),
            ]
        return buffer.o

    def build_control(self, m, words):
        """Cycle 0: takes a word. Gives: it completes a group."""
        word = words.payload
        complete = Signal()
        m.d.comb += [
            words.ready.eq(self.banks.full & (~word.last_chunk | self.queue.room)),
            self.busy.eq(words.valid & words.ready),
            self.waiting.eq(words.valid & ~self.banks.full),
            complete.eq(self.busy & word.last_chunk),
            self.queue.reserve.eq(complete),
            self.banks.read.eq(self.busy),
            self.banks.rewind.eq(word.last_chunk),
            self.banks.release.eq(word.last_chunk & word.group.last & word.group.release),
        ]
        return complete

    def build_decoders(self, m, word):
        """Cycles 0 and 1: the trits of a word, beside the reading of the codes."""
        count = self.config.inputs // TRITS_PER_BYTE
        trits = []
        for row in range(self.config.rows):
            decoders = []
            for k in range(count):
                m.submodules[f"decoder_{row}_{k}"] = decoder = TritDecoder()
                m.d.comb += decoder.i.eq(word.word_select(row * count + k, 8))
                decoders.append(decoder)
            trits.append([decoder.o[n] for decoder in decoders for n in range(TRITS_PER_BYTE)])
        return trits

    def build_lanes(self, m, trits, valid, complete):
        """Cycles 2 to `depth`: the rows, each with every column."""
        m.d.comb += self.queue.load.eq(complete)
        for column, units in enumerate(self.row_units):
            for row, unit in enumerate(units):
                m.submodules[f"row_{column}_{row}"] = unit
                m.d.comb += [
                    unit.codes.eq(self.banks.o[column]),
                    unit.valid.eq(valid),
                    unit.last.eq(complete),
                    self.queue.totals[column][row].eq(unit.total),
                ]
                for n, trit in enumerate(trits[row]):
                    m.d.comb += unit.trits[n].eq(trit)
