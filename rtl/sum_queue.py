"""Takes the totals of all rows at once and gives them away in row order, a few a clock."""

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out


class SumQueue(wiring.Component):
    """Output side of the ternary array, with the credits that keep it from overflowing.

    A row group has `beats` = columns * rows / vector beats. They pass one a clock from the totals,
    which do not change meanwhile, into a FIFO of `depth` beats. Who computes a group must
    `reserve` it while there is `room`, and its totals must come a constant time later. There is
    room when

    - the last reservation is at least `beats` clocks old, so that its beats have left the totals
      before these totals come; and
    - `beats` of the FIFO's `depth` places are neither filled nor reserved. A place is free again
      two clocks after its beat was taken from `sums`, or was dropped because it holds no row.

    From `load` to `sums.valid`: `latency` clocks, when the FIFO is empty: 4, or 3 when a group is
    one beat. `depth` is enough for groups that follow each other every `beats` clocks.

    Parameters
    ----------
    delay : int
        Clocks from `reserve` to `load`.

    Members
    -------
    reserve : In(1)
        A group is on its way.
    room : Out(1)
    load : In(1)
        The totals of a group are there in the next clock.
    group : In({function, first, last, release, rows})
        With `load`: its matrix, whether it is the first, the last group of it, and how many of its
        rows count (only when it is the last).
    totals : In(ArrayLayout(ArrayLayout(signed(accumulator_bits), rows), columns))
    sums : Out(stream of {values, function, first, last, release})
        Column after column of each group; `first` and `last` beat of a matrix.
    """

    def __init__(self, config, columns, delay):
        self.config, self.columns = config, columns
        self.column_beats = config.rows // config.vector
        self.beats = columns * self.column_beats
        self.latency = 3 if self.beats == 1 else 4
        self.depth = 1 + max(16, 1 << (delay + self.latency + self.beats - 1).bit_length())
        value = signed(config.accumulator_bits)
        self.sums_layout = data.StructLayout({
            "values": data.ArrayLayout(value, config.vector),
            "function": 3, "first": 1, "last": 1, "release": 1})
        self.group_layout = data.StructLayout({
            "function": 3, "first": 1, "last": 1, "release": 1,
            "rows": range(config.rows + 1)})
        super().__init__({
            "reserve": In(1),
            "room": Out(1),
            "load": In(1),
            "group": In(self.group_layout),
            "totals": In(data.ArrayLayout(data.ArrayLayout(value, config.rows), columns)),
            "sums": Out(stream.Signature(self.sums_layout)),
        })

    def elaborate(self, _platform):
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=self.sums_layout.size, depth=self.depth)
        dropped = (self.build_beats if self.beats > 1 else self.build_beat)(m, fifo)
        m.d.comb += [
            self.sums.payload.eq(fifo.r_data),
            self.sums.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.sums.ready),
        ]
        self.build_credits(m, self.sums.valid & self.sums.ready, dropped)
        return m

    def build_beat(self, m, fifo):
        """The totals are one beat: straight to the FIFO. None is ever dropped."""
        group = Signal(self.group_layout)
        beat = Signal(self.sums_layout)
        write = Signal()
        m.d.sync += [group.eq(self.group), write.eq(self.load)]
        m.d.comb += [
            beat["values"].eq(self.totals[0]), beat.function.eq(group.function),
            beat.release.eq(group.release), beat.first.eq(group.first), beat.last.eq(group.last),
            fifo.w_data.eq(beat), fifo.w_en.eq(write),
        ]
        return 0

    def build_beats(self, m, fifo):
        """Totals to FIFO; gives the signal that a beat was dropped."""
        vector, count = self.config.vector, self.column_beats
        active = Signal()
        index = Signal(range(self.beats))
        place = Signal(range(count))
        wanted = Signal(count)  # of the beats of a column, from the present one on, cyclically
        group = Signal(self.group_layout)
        beat = Signal(self.sums_layout)
        write = Signal()
        begun, ended = index < count, index >= self.beats - count  # first, last column

        # Cycle 0: load.
        with m.If(active):
            m.d.sync += [index.eq(index + 1), place.eq(place + 1),
                         wanted.eq(wanted.rotate_right(1))]
            with m.If(place == count - 1):
                m.d.sync += place.eq(0)
            with m.If(index == self.beats - 1):
                m.d.sync += active.eq(0)
        with m.If(self.load):
            m.d.sync += [active.eq(1), index.eq(0), place.eq(0), group.eq(self.group)]
            for k in range(count):
                m.d.sync += wanted[k].eq(~self.group.last | (self.group.rows > k * vector))

        # Cycle 1: select one beat of the totals.
        final = (place == count - 1) | ~wanted[1 % count]
        m.d.sync += write.eq(active & wanted[0])
        for n in range(vector):
            values = Array(self.totals[column][k * vector + n]
                           for column in range(self.columns) for k in range(count))
            m.d.sync += beat["values"][n].eq(values[index])
        m.d.sync += [
            beat.function.eq(group.function),
            beat.release.eq(group.release),
            beat.first.eq(group.first & begun & (place == 0)),
            beat.last.eq(group.last & ended & final),
        ]

        # Cycle 2: into the FIFO, which takes two clocks.
        m.d.comb += [fifo.w_data.eq(beat), fifo.w_en.eq(write)]
        return active & ~wanted[0]

    def build_credits(self, m, taken, dropped):
        """The rule of the class's docstring."""
        spare = Signal(range(-self.beats, self.depth + 1), init=self.depth - self.beats)
        pace = Signal(self.beats)  # a bit for each clock that the next reservation has to wait
        m.d.comb += self.room.eq(~spare[-1] & ~pace[0])
        freed = Signal(2)  # a register, because `taken` comes from far away
        m.d.sync += [freed.eq(taken + dropped), spare.eq(spare + freed)]
        m.d.sync += pace.eq(pace >> 1)
        with m.If(self.reserve):
            m.d.sync += [spare.eq(spare + freed - self.beats), pace.eq((1 << self.beats - 1) - 1)]
