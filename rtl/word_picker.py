"""Picks words out of the lines that came from memory."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out


class WordPicker(Component):
    """Lines and what was asked for -> words.

    A word a clock, one clock after its line; without a clock lost between two spans.

    Parameters
    ----------
    geometry : axi_interfaces.AxiGeometry

    Members
    -------
    spans : In(stream of geometry.span)
        In the order of the lines.
    lines : In(stream of line_bits)
        For each span its own, even if it shares one with the span before.
    word : Out(word_bits), valid : Out(1)
        Nobody may refuse it.
    """

    def __init__(self, geometry):
        self._geometry = geometry
        super().__init__({"spans": In(stream.Signature(geometry.span)),
                          "lines": In(stream.Signature(unsigned(geometry.line_bits))),
                          "word": Out(geometry.word_bits), "valid": Out(1)})

    def elaborate(self, _platform):
        m, geometry = Module(), self._geometry
        words = data.View(data.ArrayLayout(geometry.word_bits, geometry.words), self.lines.payload)
        active, place, left = Signal(), Signal(geometry.offset_bits), Signal(8)
        step, last = Signal(), Signal()
        given = Signal(geometry.word_bits, name="given", reset_less=True)
        m.d.comb += [
            step.eq(active & self.lines.valid), last.eq(left == 0),
            self.lines.ready.eq(step & (last | place.all())),
            self.spans.ready.eq(~active | step & last),
            self.word.eq(given),
        ]
        m.d.sync += [given.eq(words[place]), self.valid.eq(step)]
        with m.If(step):
            m.d.sync += [place.eq(place + 1), left.eq(left - 1)]
        with m.If(self.spans.ready):
            m.d.sync += [active.eq(self.spans.valid), place.eq(self.spans.payload.offset),
                         left.eq(self.spans.payload.last)]
        return m
