"""The sum of a residual and a matrix's outputs."""

from amaranth.hdl import Module, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from .arithmetic import saturate
from .pipeline import Pipeline, handshake, tag_layout
from .scale import scaled_shape


class ResidualAdder(Component):
    """golden.add: saturate(residual + update).

    Latency: 3 clocks, accepted to valid; one beat a clock. While the beat at the end is not taken,
    nothing moves and nothing is accepted.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : In(stream of {residual: signed(residual_bits) x vector,
                      update: scaled_shape(formats) x vector, tag})
    o : Out(stream of {residual: signed(residual_bits) x vector, tag})
        `tag` (tag_layout) is that of the beat.
    """

    LATENCY = 3

    def __init__(self, config):
        self._config, self._bits = config, config.formats.residual_bits
        residual = data.ArrayLayout(signed(self._bits), config.vector)
        update = data.ArrayLayout(scaled_shape(config.formats), config.vector)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout(
                {"residual": residual, "update": update, "tag": tag_layout}))),
            "o": Out(stream.Signature(data.StructLayout(
                {"residual": residual, "tag": tag_layout}))),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i.payload, self.o.payload
        advance, _ = handshake(m, self.i, self.o, self.LATENCY)
        p = Pipeline(m, advance)
        for lane in range(self._config.vector):
            # Cycle 1: out of the block RAM
            residual = p.register(i.residual[lane], f"residual_{lane}")
            update = p.register(i.update[lane], f"update_{lane}")

            # Cycle 2: added
            total = p.register(residual + update, f"total_{lane}")

            # Cycle 3: within the residual's range
            bounded = p.register(saturate(total, self._bits), f"bounded_{lane}")
            m.d.comb += o.residual[lane].eq(bounded)
        m.d.comb += o.tag.eq(p.delay(i.tag, self.LATENCY, "tag"))
        return m
