"""Matrices of trits times vectors of codes, by tables of three codes in distributed RAM."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..common.triples import TRIPLE_BITS
from .sum_queue import SumQueue
from .table_filler import TableFiller
from .table_row import TableRow
from .ternary_array import matrix_layout


class TableArray(wiring.Component):
    """sums[m] = sum over n of trits[m, n] * codes[n], `rows` x `inputs` products a clock.

    The twin of TernaryArray, with its ports, for few gates a lane. A word of `trits` holds a row
    group's trits for one chunk of inputs, in blocks of row groups, then chunks, then the row groups
    of the block (compiler/packing.py): so the tables are filled once a chunk and block, or once a
    vector that has one chunk. One word a clock is taken while the tables are filled; a word that
    completes a group waits until SumQueue has room. Behind a word nothing ever waits.

    Clocks, when nothing else holds them up:

    - the tables being free, every step of the filler waits for its codes, and the first word is
      taken 2 clocks after the last step: so `fill` + 1 clocks after the last beat of codes of a
      chunk at the latest, and up to 4 clocks earlier;
    - last word of a chunk taken in clock t, its successor being there: first word of that in clock
      t + `fill` + 1; without another fill, in clock t + 1;
    - matrix taken in clock t while none is at work: first word in clock t + 2; a matrix is taken up
      to one ahead, and then follows the one before it without a gap;
    - word that completes a group taken in clock t: its first sums are valid in clock t + `latency`,
      one more beat every clock;
    - the codes are released in the clock after the last fill from them, or two clocks after their
      last matrix was taken, if that is later; new ones are taken from the clock after;
    - words that complete groups are at least `queue.beats` clocks apart (SumQueue's rule).

    Members
    -------
    codes, matrices, trits, sums, busy, waiting
        As of TernaryArray, but a word as above, and one vector of codes.
    """

    columns = 1
    fill = TableFiller.CLOCKS

    def __init__(self, config):
        self.config = config
        self.filler = TableFiller(config)
        self.row_units = [TableRow(config.groups, config.accumulator_bits, config.block_groups)
                          for _ in range(config.rows)]
        self.depth = self.row_units[0].latency  # clocks from a word to the accumulators
        self.queue = SumQueue(config, 1, self.depth)
        super().__init__({
            "codes": In(self.filler.codes.signature.flip()),
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
        m.submodules.filler, m.submodules.queue = self.filler, self.queue
        connect(m, flipped(self.codes), self.filler.codes)
        connect(m, self.queue.sums, flipped(self.sums))
        self.build_matrices(m)
        self.build_position(m)
        self.build_tables(m)
        self.build_lanes(m)
        return m

    def build_matrices(self, m):
        """Takes the matrices; the next one is taken early and begins when this one ends."""
        self.active, self.begin = Signal(), Signal()  # begin: `following` becomes `matrix`
        self.matrix, self.following = Signal(matrix_layout), Signal(matrix_layout)
        self.finish = Signal()  # the last word of the matrix is taken
        announced = Signal()
        m.d.comb += [self.matrices.ready.eq(~announced),
                     self.begin.eq(announced & (~self.active | self.finish))]
        with m.If(self.matrices.valid & ~announced):
            m.d.sync += [announced.eq(1), self.following.eq(self.matrices.payload)]
        with m.If(self.finish):
            m.d.sync += self.active.eq(0)
        with m.If(self.begin):
            m.d.sync += [announced.eq(0), self.active.eq(1), self.matrix.eq(self.following)]

    def build_position(self, m):
        """Cycle 0: which word this is."""
        rows, block = self.config.rows, self.config.block_groups
        # From the row group of the word on; from the first one of the block on.
        left, block_left = Signal(20), Signal(20)
        final, block_final = Signal(), Signal()  # it is the last one
        self.final, self.left = final, left
        self.index = Signal(range(max(block, 2)))
        self.first_chunk, self.last_chunk = Signal(), Signal()
        self.first_group, self.last_block = Signal(), Signal()
        chunks_left, end_of_block = Signal(16), Signal()
        self.end = end = Signal()  # of a chunk in a block
        m.d.comb += [
            end_of_block.eq(self.index == block - 1),
            end.eq(self.busy & (final | end_of_block)),
            self.finish.eq(self.busy & final & self.last_chunk),
        ]
        with m.If(self.busy):
            m.d.sync += [self.index.eq(self.index + 1), left.eq(left - rows),
                         final.eq(left <= 2 * rows)]
            with m.If(self.last_chunk):
                m.d.sync += self.first_group.eq(0)
        with m.If(end):
            m.d.sync += [self.index.eq(0), self.first_chunk.eq(self.last_chunk),
                         chunks_left.eq(chunks_left - 1), self.last_chunk.eq(chunks_left == 2)]
            with m.If(self.last_chunk):
                m.d.sync += [
                    block_left.eq(left - rows), block_final.eq(left <= 2 * rows),
                    self.last_block.eq(left <= rows + block * rows),
                    chunks_left.eq(self.matrix.chunks), self.last_chunk.eq(self.matrix.chunks == 1),
                ]
            with m.Else():
                m.d.sync += [left.eq(block_left), final.eq(block_final)]
        with m.If(self.begin):
            new = self.following
            m.d.sync += [
                left.eq(new.rows), block_left.eq(new.rows), self.index.eq(0),
                final.eq(new.rows <= rows), block_final.eq(new.rows <= rows),
                self.last_block.eq(new.rows <= block * rows), self.first_group.eq(1),
                self.first_chunk.eq(1), chunks_left.eq(new.chunks),
                self.last_chunk.eq(new.chunks == 1),
            ]

    def build_tables(self, m):
        """When the tables are filled, and from which chunk; when the codes may go."""
        filler, matrix = self.filler, self.matrix
        ready, released, last_use = Signal(), Signal(), Signal()
        m.d.comb += [
            filler.wanted.eq(~ready),
            self.trits.ready.eq(self.active & ready & (~self.last_chunk | self.queue.room)),
            self.busy.eq(self.trits.valid & self.trits.ready),
            self.waiting.eq(self.trits.valid & self.active & ~ready),
            last_use.eq(self.last_chunk & (self.last_block | (matrix.chunks == 1))),
            filler.release.eq(self.active & ready & ~released & matrix.release & last_use),
        ]
        with m.If(filler.release):
            m.d.sync += released.eq(1)
        with m.If(filler.done):
            m.d.sync += ready.eq(1)
        with m.If(self.end & ((matrix.chunks != 1) | (self.finish & matrix.release))):
            m.d.sync += [ready.eq(0), filler.chunk.eq(Mux(self.last_chunk, 0, filler.chunk + 1))]
        with m.If(self.finish):
            m.d.sync += released.eq(0)

    def delayed(self, m, value, clocks, name):
        """What belongs to a word, so many clocks later."""
        for k in range(clocks):
            later = Signal.like(value, name=f"{name}_{k + 1}")
            m.d.sync += later.eq(value)
            value = later
        return value

    def build_lanes(self, m):
        """Cycles 0 to `depth`: the rows."""
        depth, groups = self.depth, self.config.groups
        group, complete = Signal(self.queue.group_layout), Signal()
        m.d.comb += [
            complete.eq(self.busy & self.last_chunk), self.queue.reserve.eq(complete),
            group.function.eq(self.matrix.function), group.release.eq(self.matrix.release),
            group.first.eq(self.first_group), group.last.eq(self.final),
            group.rows.eq(self.left),  # cut to what can be left in the last group
        ]
        index = self.delayed(m, self.index, depth - 1, "index")
        first = self.delayed(m, self.first_chunk, depth - 1, "first")
        valid = self.delayed(m, self.busy, depth, "valid")
        last = self.delayed(m, complete, depth, "complete")
        m.d.comb += [self.queue.group.eq(self.delayed(m, group, depth, "group")),
                     self.queue.load.eq(last)]
        for row, unit in enumerate(self.row_units):
            m.submodules[f"row_{row}"] = unit
            triples = self.trits.payload.word_select(row, groups * TRIPLE_BITS)
            m.d.comb += [
                unit.triples.eq(data.View(unit.triples.shape(), triples)),
                unit.write.eq(self.filler.write), unit.address.eq(self.filler.address),
                unit.entries.eq(self.filler.entries), unit.index.eq(index), unit.first.eq(first),
                unit.valid.eq(valid), unit.last.eq(last),
                self.queue.totals[0][row].eq(unit.total),
            ]
