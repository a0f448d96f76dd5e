"""Issues the READ and WRITE commands of one segment after the other."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out

from .sdram_interfaces import countdown


class ColumnMachine(Component):
    """A word every `beats` clocks while it may; segments follow each other without a gap.

    `go` is a register, so that whoever shares the command bus has it a whole clock long.

    Parameters
    ----------
    geometry : sdram_interfaces.Geometry
    timing : common.sdram_parts.SdramTiming

    Members
    -------
    segment : In(layout of a segment), load : In(1)
        Its row is open, tRCD has passed; only when `free`.
    free : Out(1)
        The last command of the present segment is being issued, or has been.
    active : Out(1)
        Commands of the present segment are left.
    started : Out(1)
        At least one of its commands has been issued.
    place : Out({bank, row})
        Of the present segment.
    hold : In(1)
        No `go` from the clock after next on.
    room : In(1)
        Words may be read.
    data_valid : In(1)
        The word to be written next is there; it is taken with `go & write`.
    go : Out(1)
        READ or WRITE in this clock, at `place.bank` and `column`.
    write, column : Out
    quiet : Out(1)
        Since the last command `beats` clocks have passed; so a PRECHARGE cuts no word off.
    recovered : Out(1)
        Since the last WRITE, tWR has passed after its last beat.
    """

    def __init__(self, geometry, timing):
        self._timing = timing
        super().__init__({
            "segment": In(geometry.segment()), "load": In(1), "free": Out(1), "active": Out(1),
            "started": Out(1), "place": Out(geometry.place()), "hold": In(1), "room": In(1),
            "data_valid": In(1), "go": Out(1), "write": Out(1),
            "column": Out(geometry.column_bits), "quiet": Out(1), "recovered": Out(1),
        })

    def elaborate(self, _platform):
        m, t = Module(), self._timing
        more = Signal(8)
        last = Signal()
        spaced = countdown(m, "spacing", self.go, t.beats - 1)
        # The chip drives the data of a READ for cas_latency + beats clocks after it, and the bus
        # rests for one more. `go` is decided a clock before it happens.
        turned = countdown(m, "turnaround", self.go & ~self.write, t.cas_latency + t.beats)
        recovered = countdown(m, "recovery", self.go & self.write, t.beats - 1 + t.wr)
        allowed = Mux(self.write, self.data_valid & turned, self.room)
        m.d.comb += [
            self.free.eq(~self.active | self.go & last),
            self.quiet.eq(spaced & ~self.go),
            self.recovered.eq(recovered & ~(self.go & self.write)),
        ]
        m.d.mem += self.go.eq(self.active & spaced & ~self.go & ~self.hold & allowed)
        with m.If(self.load):
            m.d.mem += [
                self.active.eq(1),
                self.started.eq(0),
                self.write.eq(self.segment.write),
                self.place.eq(self.segment.place),
                self.column.eq(self.segment.column),
                more.eq(self.segment.more),
                last.eq(self.segment.more == 0),
            ]
        with m.Elif(self.go):
            m.d.mem += [
                self.column.eq(self.column + 1),
                more.eq(more - 1),
                last.eq(more == 1),
                self.started.eq(1),
                self.active.eq(~last),
            ]
        return m
