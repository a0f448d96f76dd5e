"""Matrices of trits times vectors of codes, by tables of three codes in distributed RAM."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..common.triples import ROW_BITS, TRIPLE_BITS
from .interfaces import WordsSignature
from .sum_queue import SumQueue
from .table_filler import TableFiller
from .table_row import TableRow
from .ternary_array import matrix_layout


class TableArray(wiring.Component):
    """sums[m] = sum over n of trits[m, n] * codes[n], `rows` x `inputs` products a clock.

    The twin of TernaryArray for few gates a lane and for weights that are always there. A word of
    `trits` holds a row group's trits for one chunk of inputs, in blocks of row groups, then chunks,
    then the row groups of the block (compiler/packing.py): so the tables are filled once a chunk
    and block, or once a vector that has one chunk. One word a clock is taken, early enough to find
    the tables just filled; a word that completes a group waits until SumQueue has room. Behind
    `take` nothing ever waits, so that no enable goes through the machine with the words.

    Clocks, when nothing else holds them up:

    - the tables being free, every step of the filler waits for its codes, and the first word is
      there 2 clocks after the last step: so `fill` + 1 clocks after the last beat of codes of a
      chunk at the latest, and up to 4 clocks earlier;
    - last word of a chunk taken in clock t, its successor being there: first word of that in clock
      t + `fill`; without another fill, in clock t + 1;
    - matrix taken in clock t while none is at work: first word taken in clock t + 2; a matrix is
      taken up to one ahead, and then follows the one before it without a gap;
    - word that completes a group taken in clock t: its first sums are valid in clock t + `latency`,
      one more beat every clock;
    - the codes are released in the last clock of the last fill from them, or three clocks after
      their last matrix was taken, if that is later; new ones are taken from the clock after;
    - words that complete groups are at least `queue.beats` clocks apart (SumQueue's rule).

    Members
    -------
    trits : Out(WordsSignature)
        Words as above.
    codes, matrices, sums, busy, waiting
        As of TernaryArray, but one vector of codes, and matrices of at most 2**ROW_BITS rows.
    """

    columns = 1
    fill = TableFiller.CLOCKS

    def __init__(self, config):
        self.config = config
        self.filler = TableFiller(config, WordsSignature.DELAY)
        self.row_units = [TableRow(config.inputs, config.accumulator_bits, config.block_groups,
                                   self.partial_bits) for _ in range(config.rows)]
        # Clocks from taking a word to the accumulators.
        self.depth = WordsSignature.DELAY + self.row_units[0].latency
        self.queue = SumQueue(config, 1, self.depth)
        super().__init__({
            "codes": In(self.filler.codes.signature.flip()),
            "matrices": In(stream.Signature(matrix_layout)),
            "trits": Out(WordsSignature(config.array_bits)),
            "sums": Out(self.queue.sums.signature),
            "busy": Out(1),
            "waiting": Out(1),
        })

    @property
    def chunks(self):
        """Of the longest input."""
        return -(-self.config.max_inner // self.config.inputs)

    @property
    def partial_bits(self):
        """Signed bits of a sum to which the last chunk is still to be added."""
        return (127 * max(self.chunks - 1, 1) * self.config.inputs).bit_length() + 1

    @property
    def work_layout(self):
        """Of a matrix: `matrix_layout` as it is used here. `single`: it has one chunk."""
        config, rows = self.config, ROW_BITS
        row_bits, group_bits = ((n - 1).bit_length() for n in (config.rows, config.block_groups))
        return data.StructLayout({
            "last_row": data.StructLayout({"row": row_bits, "group": group_bits,
                                           "block": rows - row_bits - group_bits}),
            "chunks": range(self.chunks + 1), "single": 1, "function": 3, "release": 1})

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
        self.active = Signal()
        self.announced = Signal()
        self.matrix, self.following = (Signal(self.work_layout, name=name)
                                       for name in ("matrix", "following"))
        self.finish = Signal()  # the last word of the matrix is taken
        # `following` becomes `matrix`, and counts if it was announced. What is loaded when no
        # matrix is at work does no harm, and keeps `announced` out of the enables.
        self.load = Signal()
        given, new = self.matrices.payload, self.following
        chunks = given.chunks[:len(new.chunks)]
        m.d.comb += [self.matrices.ready.eq(~self.announced),
                     self.load.eq(~self.active | self.finish)]
        with m.If(~self.announced):  # whatever is offered, which keeps `valid` out of the enables
            m.d.sync += [self.announced.eq(self.matrices.valid), new.last_row.eq(given.rows - 1),
                         new.chunks.eq(chunks), new.single.eq(chunks == 1),
                         new.function.eq(given.function), new.release.eq(given.release)]
        with m.Elif(self.load):
            m.d.sync += self.announced.eq(0)
        with m.If(self.load):
            m.d.sync += [self.active.eq(self.announced), self.matrix.eq(self.following)]

    def build_position(self, m):
        """Cycle 0: which word this is."""
        self.index = Signal(range(max(self.config.block_groups, 2)))
        following = Signal.like(self.index)
        limit = Signal.like(self.index)  # of the block
        ending = Signal()  # index == limit
        blocks_left = Signal(len(self.matrix.last_row.block))
        chunks_left = Signal.like(self.matrix.chunks)
        self.first_chunk = Signal()
        self.last_chunk = Signal()
        self.first_group = Signal()
        self.last_block = Signal()
        self.final = Signal()  # of the matrix
        self.end = Signal()  # of a chunk in a block
        anew = Signal()  # the next position is that of a matrix's first word
        m.d.comb += [
            following.eq(self.index + 1), self.final.eq(ending & self.last_block),
            anew.eq(~self.active | (self.final & self.last_chunk)),
            self.end.eq(self.busy & ending), self.finish.eq(self.busy & anew),
        ]
        new = self.following
        # The block that follows: its matrix, how many are left, whether it is the last.
        block = data.View(self.work_layout, Mux(anew, new.as_value(), self.matrix.as_value()))
        left = Mux(anew, new.last_row.block, blocks_left - 1)
        last = Mux(anew, new.last_row.block == 0, blocks_left == 1)
        end = Signal.like(limit)
        m.d.comb += end.eq(block.last_row.group | (~last).replicate(len(limit)))
        with m.If(self.busy):
            m.d.sync += [self.index.eq(following), ending.eq(following == limit)]
            with m.If(self.last_chunk):
                m.d.sync += self.first_group.eq(0)
        with m.If(self.end):
            m.d.sync += [self.index.eq(0), ending.eq(limit == 0),
                         self.first_chunk.eq(self.last_chunk),
                         chunks_left.eq(chunks_left - 1), self.last_chunk.eq(chunks_left == 2)]
        with m.If(~self.active | (self.end & self.last_chunk)):
            m.d.sync += [
                limit.eq(end), ending.eq(end == 0), blocks_left.eq(left), self.last_block.eq(last),
                chunks_left.eq(block.chunks), self.last_chunk.eq(block.single)]
        with m.If(self.load):
            m.d.sync += [self.index.eq(0), self.first_group.eq(1), self.first_chunk.eq(1)]

    def build_tables(self, m):
        """When the tables are filled, and from which chunk; when the codes may go."""
        filler, matrix = self.filler, self.matrix
        ready = Signal()  # for the words that are taken
        filled = Signal()  # for those that are there
        released = Signal()
        last_use = Signal()
        word = Signal(data.StructLayout({"release": 1, "fill": 1, "rewind": 1}))
        m.d.comb += [
            self.busy.eq(self.active & ready & (~self.last_chunk | self.queue.room)),
            self.trits.take.eq(self.busy), self.waiting.eq(self.active & ~ready),
            last_use.eq(self.last_chunk & (self.last_block | matrix.single)),
            word.release.eq(self.active & ready & ~released & matrix.release & last_use),
            word.fill.eq(self.end & (~matrix.single | (self.finish & matrix.release))),
            word.rewind.eq(self.last_chunk),
        ]
        with m.If(word.release):
            m.d.sync += released.eq(1)
        with m.If(self.finish):
            m.d.sync += released.eq(0)
        with m.If(filler.soon):
            m.d.sync += ready.eq(1)
        with m.If(word.fill):
            m.d.sync += ready.eq(0)
        # The filler goes by the words that are there; its first entry is written a clock after it
        # may begin.
        came = self.delayed(m, word, WordsSignature.DELAY - 1, "came")
        m.d.comb += [filler.wanted.eq(~filled), filler.release.eq(came.release)]
        with m.If(filler.done):
            m.d.sync += filled.eq(1)
        with m.If(came.fill):
            m.d.sync += [filled.eq(0), filler.chunk.eq(Mux(came.rewind, 0, filler.chunk + 1))]

    def delayed(self, m, value, clocks, name):
        """What belongs to a word, so many clocks later."""
        for k in range(clocks):
            later = Signal.like(value, name=f"{name}_{k + 1}")
            m.d.sync += later.eq(value)
            value = later
        return value

    def build_lanes(self, m):
        """Cycles 0 to `depth`: the rows, from cycle DELAY on."""
        depth, groups = self.depth, self.config.groups
        group = Signal(self.queue.group_layout)
        complete = Signal()
        m.d.comb += [
            complete.eq(self.busy & self.last_chunk), self.queue.reserve.eq(complete),
            group.function.eq(self.matrix.function), group.release.eq(self.matrix.release),
            group.first.eq(self.first_group), group.last.eq(self.final),
            group.rows.eq(self.matrix.last_row.row + 1),
        ]
        index = self.delayed(m, self.index, depth - 1, "index")
        first = self.delayed(m, self.first_chunk, depth - 1, "first")
        valid = self.delayed(m, self.busy, depth, "valid")
        last = self.delayed(m, complete, depth, "complete")
        m.d.comb += [self.queue.group.eq(self.delayed(m, group, depth, "group")),
                     self.queue.load.eq(last)]
        for row, unit in enumerate(self.row_units):
            m.submodules[f"row_{row}"] = unit
            triples = self.trits.word.word_select(row, groups * TRIPLE_BITS)
            m.d.comb += [
                unit.triples.eq(data.View(unit.triples.shape(), triples)),
                unit.write.eq(self.filler.write), unit.address.eq(self.filler.address),
                unit.entries.eq(self.filler.entries), unit.index.eq(index), unit.first.eq(first),
                unit.valid.eq(valid), unit.last.eq(last),
                self.queue.totals[0][row].eq(unit.total),
            ]
