"""Between words and the beats of the data pins."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out

from .sdram_interfaces import countdown


class WriteGearbox(Component):
    """A word -> its beats, the lowest bits first, the first in the clock after `start`.

    Members
    -------
    start : In(1), word : In(word_bits)
        At most every `beats` clocks.
    beat : Out(data_bits), driving : Out(1)
        Registers.
    """

    def __init__(self, geometry):
        self._geometry = geometry
        super().__init__({"start": In(1), "word": In(geometry.word_bits),
                          "beat": Out(geometry.data_bits), "driving": Out(1)})

    def elaborate(self, _platform):
        m, g = Module(), self._geometry
        beat, rest = (Signal(bits, name=name, reset_less=True) for name, bits in
                      (("first", g.data_bits), ("rest", g.word_bits - g.data_bits)))
        over = countdown(m, "length", self.start, g.beats)
        m.d.comb += self.beat.eq(beat)
        m.d.mem += [
            Cat(beat, rest).eq(Mux(self.start, self.word, rest)),
            self.driving.eq(self.start | ~over),
        ]
        return m


class ReadGearbox(Component):
    """Beats -> words.

    Parameters
    ----------
    geometry : sdram_interfaces.Geometry
    latency : int
        Clocks from `start` to the clock in which `beat` is the first one of that word.

    Members
    -------
    start : In(1)
        At most every `beats` clocks.
    beat : In(data_bits)
    word : Out(word_bits), valid : Out(1)
        `valid` is high for one clock, `latency + beats` after `start`.
    """

    def __init__(self, geometry, latency):
        self._geometry, self._latency = geometry, latency
        super().__init__({"start": In(1), "beat": In(geometry.data_bits),
                          "word": Out(geometry.word_bits), "valid": Out(1)})

    def elaborate(self, _platform):
        m, g = Module(), self._geometry
        under_way = Signal(self._latency + g.beats - 1)
        word = Signal(g.word_bits, reset_less=True)
        m.d.comb += self.word.eq(word)
        m.d.mem += [
            Cat(under_way, self.valid).eq(Cat(self.start, under_way)),
            word.eq(Cat(word[g.data_bits:], self.beat)),
        ]
        return m
