"""The swish of candidates and states."""

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from .pipeline import Multiplier, Pipeline, handshake, tag_layout
from .sigmoid import Sigmoid


class SiluLane(Component):
    """One element: y = round(a * sigmoid(a)).

    Latency: 9 clocks.

    Members
    -------
    advance : In(1)
        Enable of all registers.
    a : In(signed(value_bits)), y : Out(signed(value_bits))
    """

    LATENCY = Sigmoid.LATENCY + Multiplier.LATENCY

    def __init__(self, formats=DEFAULT):
        self._formats = formats
        value = signed(formats.value_bits)
        super().__init__({"advance": In(1), "a": In(value), "y": Out(value)})

    def elaborate(self, platform):
        m = Module()
        f, p = self._formats, Pipeline(m, self.advance)
        m.submodules.sigmoid = sigmoid = Sigmoid(f)
        m.submodules.multiplier = multiplier = Multiplier(
            self.a.shape(), unsigned(f.sigmoid_frac), f.sigmoid_frac)
        m.d.comb += [sigmoid.advance.eq(self.advance), multiplier.advance.eq(self.advance)]

        # Cycles 1 to 6: sigmoid(a)
        m.d.comb += sigmoid.a.eq(self.a)
        a = p.delay(self.a, Sigmoid.LATENCY, "a")

        # Cycles 7 to 9: times a
        m.d.comb += [
            multiplier.x.eq(a),
            multiplier.y.eq(sigmoid.y),
            self.y.eq(multiplier.product),
        ]
        return m


class Silu(Component):
    """golden.silu: y = a * sigmoid(a), halves rounded up.

    Latency: 9 clocks, accepted to valid; one beat a clock. While the beat at the end is not taken,
    nothing moves and nothing is accepted.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : In(stream of {a: signed(value_bits) x vector, tag})
    o : Out(stream of {y: signed(value_bits) x vector, tag})
        `tag` (tag_layout) is that of the beat.
    """

    LATENCY = SiluLane.LATENCY

    def __init__(self, config):
        formats = config.formats
        self._config, self._formats = config, formats
        values = data.ArrayLayout(signed(formats.value_bits), config.vector)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({"a": values, "tag": tag_layout}))),
            "o": Out(stream.Signature(data.StructLayout({"y": values, "tag": tag_layout}))),
        })

    def elaborate(self, platform):
        m = Module()
        advance, _ = handshake(m, self.i, self.o, self.LATENCY)
        p = Pipeline(m, advance)
        for n in range(self._config.vector):
            m.submodules[f"lane_{n}"] = lane = SiluLane(self._formats)
            m.d.comb += [
                lane.advance.eq(advance),
                lane.a.eq(self.i.payload.a[n]),
                self.o.payload.y[n].eq(lane.y),
            ]
        m.d.comb += self.o.payload.tag.eq(p.delay(self.i.payload.tag, self.LATENCY, "tag"))
        return m
