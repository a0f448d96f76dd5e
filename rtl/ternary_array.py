"""Matrices of trits times vectors of codes."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..common.config import TRITS_PER_BYTE
from .code_banks import CodeBanks
from .sum_queue import SumQueue
from .ternary_row import TernaryRow
from .trit_decoder import TritDecoder

matrix_layout = data.StructLayout({"chunks": 16, "rows": 20, "function": 3, "release": 1})


class TernaryArray(wiring.Component):
    """sums[m] = sum over n of trits[m, n] * codes[n], `rows` x `inputs` products a clock.

    A word of `trits` holds a row group's trits for one chunk of inputs (compiler/packing.py). One
    word a clock is taken, without a gap between groups or matrices, while the matrix and its codes
    are there; but a word that completes a group waits until SumQueue has room. Behind that word
    nothing ever waits, so that no enable runs through the lanes.

    Clocks, when nothing else holds them up:

    - last beat of codes taken in clock t: the first word can be taken in clock t + 1;
    - matrix taken in clock t while none is at work: first word in clock t + 2; a matrix is taken
      up to one ahead, and then follows the one before it without a gap;
    - word that completes a group taken in clock t: its first sums are valid in clock t + `latency`,
      one more beat every clock;
    - a bank of codes released by a word taken in clock t takes new codes from clock t + 2;
    - words that complete groups are at least `queue.beats` clocks apart (SumQueue's rule).

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
        A word is taken in this clock.
    waiting : Out(1)
        A word and a matrix are there, the codes are not.
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
        """Clocks from the word that completes a group to the first of its sums."""
        return self.depth + self.queue.latency

    def elaborate(self, _platform):
        m = Module()
        m.submodules.banks, m.submodules.queue = self.banks, self.queue
        connect(m, flipped(self.codes), self.banks.i)
        connect(m, self.queue.sums, flipped(self.sums))
        complete, group = self.build_control(m)
        self.build_lanes(m, self.build_decoders(m), self.delayed(m, self.busy, "valid"),
                         self.delayed(m, complete, "complete"))
        m.d.comb += self.queue.group.eq(self.delayed(m, group, "group"))
        return m

    def delayed(self, m, value, name):
        """What belongs to a word, when the word reaches the accumulators."""
        for k in range(self.depth):
            later = Signal.like(value, name=f"{name}_{k + 1}")
            m.d.sync += later.eq(value)
            value = later
        return value

    def build_control(self, m):
        """Cycle 0: which word this is. Gives: it completes a group; the group."""
        rows = self.config.rows
        following, matrix = Signal(matrix_layout), Signal(matrix_layout)
        # Of `matrix` and `following`: chunks - 1, and whether that is 0; and of `following`
        # whether it has but one group. They keep the end of a matrix short.
        more, once, next_more, next_once, next_last = (
            Signal(bits, name=name) for name, bits in (
                ("more", 16), ("once", 1), ("next_more", 16), ("next_once", 1), ("next_last", 1)))
        announced, active = Signal(), Signal()  # `following`, `matrix` hold one
        left, last_chunk = Signal(16), Signal()  # chunks after this one; left == 0
        first_group, last_group = Signal(), Signal()
        group = Signal(self.queue.group_layout)
        accept = self.busy
        complete, finish = Signal(), Signal()

        m.d.comb += [
            self.trits.ready.eq(active & self.banks.full & (~last_chunk | self.queue.room)),
            accept.eq(self.trits.valid & self.trits.ready),
            self.waiting.eq(self.trits.valid & active & ~self.banks.full),
            complete.eq(accept & last_chunk),
            finish.eq(complete & last_group),
            self.queue.reserve.eq(complete),
            self.banks.read.eq(accept),
            self.banks.rewind.eq(last_chunk),
            self.banks.release.eq(finish & matrix.release),
            group.function.eq(matrix.function),
            group.release.eq(matrix.release),
            group.first.eq(first_group),
            group.last.eq(last_group),
            group.rows.eq(matrix.rows),  # cut to what can be left in the last group
        ]
        with m.If(accept):
            m.d.sync += [left.eq(left - 1), last_chunk.eq(left == 1)]
        with m.If(complete):
            m.d.sync += [
                left.eq(more), last_chunk.eq(once), first_group.eq(0),
                matrix.rows.eq(matrix.rows - rows), last_group.eq(matrix.rows <= 2 * rows),
            ]

        # The next matrix is taken early and begins when this one ends.
        offered = self.matrices.payload
        m.d.comb += self.matrices.ready.eq(~announced)
        with m.If(~announced):  # whatever is offered, which keeps `valid` out of the enables
            m.d.sync += [
                announced.eq(self.matrices.valid), following.eq(offered),
                next_more.eq(offered.chunks - 1), next_once.eq(offered.chunks == 1),
                next_last.eq(offered.rows <= rows),
            ]
        with m.If(~active | finish):
            # Without one announced this is nothing, and not active.
            m.d.sync += [
                active.eq(announced), matrix.eq(following), first_group.eq(1),
                more.eq(next_more), once.eq(next_once),
                left.eq(next_more), last_chunk.eq(next_once), last_group.eq(next_last),
            ]
            with m.If(announced):
                m.d.sync += announced.eq(0)
        return complete, group

    def build_decoders(self, m):
        """Cycles 0 and 1: the trits of a word, beside the reading of the codes."""
        count = self.config.inputs // TRITS_PER_BYTE
        trits = []
        for row in range(self.config.rows):
            decoders = []
            for k in range(count):
                m.submodules[f"decoder_{row}_{k}"] = decoder = TritDecoder()
                m.d.comb += decoder.i.eq(self.trits.payload.word_select(row * count + k, 8))
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
