"""Gathers single words to write into lines and bursts."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from .axi_interfaces import WRITE_LINES

IDLE_CLOCKS = 31  # without a word, after which what was gathered is sent


class WriteGatherer(Component):
    """Words -> lines, and bursts of lines that follow each other.

    A burst is given with the last of its lines. It ends where the next word lies neither in this
    line nor in the next, at multiples of WRITE_LINES lines, when it is flushed, and IDLE_CLOCKS
    after the last word.

    Parameters
    ----------
    geometry : axi_interfaces.AxiGeometry
    write : layout of {address, data}

    Members
    -------
    i : In(stream of {address, data})
        A word a clock.
    flush : In(1)
        End the burst, unless there is a word.
    empty : Out(1)
        Every word has been given on.
    lines : Out(stream of geometry.line), bursts : Out(stream of geometry.burst)
        Nothing is given in a clock in which one of them is not ready; so both have to be queues
        that are ready while there is room.
    """

    def __init__(self, geometry, write):
        self._geometry = geometry
        super().__init__({"i": In(stream.Signature(write)), "flush": In(1), "empty": Out(1),
                          "lines": Out(stream.Signature(geometry.line)),
                          "bursts": Out(stream.Signature(geometry.burst))})

    def elaborate(self, _platform):
        m, geometry = Module(), self._geometry
        held = Signal()  # a line that has not been given on: the last of the burst so far
        line, next_line, first = (Signal(geometry.line_address_bits, name=name, reset_less=True)
                                  for name in ("line", "next_line", "first"))
        before = Signal(range(WRITE_LINES))  # lines of the burst that have been given on
        room, taken, here, goes_on, leaves, ends = (
            Signal(name=n) for n in ("room", "taken", "here", "goes_on", "leaves", "ends"))
        word_line = geometry.line_of(self.i.payload.address)
        gathered = self._line(m, taken, fresh=leaves | ~held)
        m.d.comb += [
            room.eq(self.lines.ready & self.bursts.ready),
            self.i.ready.eq(room), taken.eq(self.i.valid & room), self.empty.eq(~held),
            here.eq(word_line == line),
            goes_on.eq((word_line == next_line) & (next_line[:len(before)] != 0)),
            leaves.eq(held & room & Mux(self.i.valid, ~here, self.flush | self._rest(m))),
            ends.eq(leaves & ~(self.i.valid & goes_on)),
            self.lines.valid.eq(leaves), self.lines.payload.eq(gathered),
            self.bursts.valid.eq(ends), self.bursts.payload.write.eq(1),
            self.bursts.payload.line.eq(first), self.bursts.payload.last.eq(before),
        ]
        with m.If(leaves):
            m.d.sync += [held.eq(0), before.eq(Mux(ends, 0, before + 1))]
        with m.If(taken):
            m.d.sync += [held.eq(1), line.eq(word_line), next_line.eq(word_line + 1)]
            with m.If(~held | ends):
                m.d.sync += first.eq(word_line)
        return m

    def _rest(self, m):
        """High when no word has come for long."""
        idle = Signal(range(IDLE_CLOCKS + 1))
        with m.If(self.i.valid):
            m.d.sync += idle.eq(0)
        with m.Elif(idle != IDLE_CLOCKS):
            m.d.sync += idle.eq(idle + 1)
        return idle == IDLE_CLOCKS

    def _line(self, m, taken, fresh):
        """The line with all words so far; with `fresh` a word begins another one."""
        words, gathered = self._geometry.words, Signal(self._geometry.line, reset_less=True)
        offset = self._geometry.offset_of(self.i.payload.address)
        place = Cat(offset == n for n in range(words)) if words > 1 else 1
        with m.If(taken):
            m.d.sync += gathered.mask.eq(place | Mux(fresh, 0, gathered.mask))
        for n in range(words):
            with m.If(taken & (place[n] if words > 1 else 1)):
                m.d.sync += gathered.data[n].eq(self.i.payload.data)
        return gathered
