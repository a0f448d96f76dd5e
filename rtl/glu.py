"""Gated products of two values, and the energy of the gated one."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from .arithmetic import saturate, shift_round
from .pipeline import Multiplier, Pipeline, handshake, tag_layout

ENERGY_BITS = 43  # of a sum of 2**13 squares of 15-bit magnitudes


class GluLane(Component):
    """One element: product = saturate(round(a * b)), square = saturate(round(a))**2.

    Latency: 5 clocks for `product`, 3 for `square`. Takes five DSP blocks.

    Members
    -------
    advance : In(1)
        Enable of all registers.
    a, b : In(signed(value_bits))
    product : Out(signed(product_bits))
    square : Out(unsigned(2 * energy_bits - 2))
    """

    PRODUCT_LATENCY = 1 + Multiplier.LATENCY + 1
    SQUARE_LATENCY = 3

    def __init__(self, formats=DEFAULT):
        self._formats = formats
        value = signed(formats.value_bits)
        super().__init__({
            "advance": In(1),
            "a": In(value),
            "b": In(value),
            "product": Out(signed(formats.product_bits)),
            "square": Out(unsigned(2 * formats.energy_bits - 2)),
        })

    def elaborate(self, platform):
        m = Module()
        f, p = self._formats, Pipeline(m, self.advance)
        m.submodules.multiplier = multiplier = Multiplier(
            self.a.shape(), self.b.shape(), 2 * f.value_frac - f.product_frac)
        m.d.comb += multiplier.advance.eq(self.advance)

        # Cycle 1: inputs of the multiplier; a as it enters the energy
        a, b = p.register(self.a, "a_1"), p.register(self.b, "b_1")
        rounded = p.register(shift_round(self.a, f.value_frac - f.energy_frac), "rounded")

        # Cycle 2: bounded
        m.d.comb += [multiplier.x.eq(a), multiplier.y.eq(b)]
        bounded = p.register(saturate(rounded, f.energy_bits), "bounded")

        # Cycle 3: squared; cycles 2 to 4: multiplied
        m.d.comb += self.square.eq(p.register((bounded * bounded)[:len(self.square)], "squared"))

        # Cycle 5: the product in its range
        product = p.register(saturate(multiplier.product, f.product_bits), "product_5")
        m.d.comb += self.product.eq(product)
        return m


class Glu(Component):
    """golden.gate and golden.energy: product = saturate(a * b), energy = sum of a**2.

    Latency: `latency` clocks, accepted to valid: 5, more from vector = 4 on, so that the sum is
    always ready in time; one beat a clock. While the beat at the end is not taken, nothing moves
    and nothing is accepted.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : In(stream of {a, b: signed(value_bits) x vector, tag})
        `a` is the output of the matrix, `b` what it is multiplied with.
    o : Out(stream of {product: signed(product_bits) x vector, tag})
        `tag` (tag_layout) is that of the beat.
    energy : Out(43)
        Of all `a` since the beat with tag.first. Final when the last beat is valid on `o`, or
        before; changes no more until the next tag.first has entered.
    """

    def __init__(self, config):
        formats = config.formats
        self._config, self._formats = config, formats
        if 2 * formats.energy_bits - 2 + (config.max_inner - 1).bit_length() > ENERGY_BITS:
            raise ValueError(f"max_inner={config.max_inner}: an energy may exceed "
                             f"{ENERGY_BITS} bits")
        values = data.ArrayLayout(signed(formats.value_bits), config.vector)
        products = data.ArrayLayout(signed(formats.product_bits), config.vector)
        self.i_layout = data.StructLayout({"a": values, "b": values, "tag": tag_layout})
        self.o_layout = data.StructLayout({"product": products, "tag": tag_layout})
        super().__init__({"i": In(stream.Signature(self.i_layout)),
                          "o": Out(stream.Signature(self.o_layout)),
                          "energy": Out(ENERGY_BITS)})

    @property
    def _summed(self):
        """Clocks until the squares of a beat are one number."""
        return GluLane.SQUARE_LATENCY + (self._config.vector - 1).bit_length()

    @property
    def latency(self):
        return max(GluLane.PRODUCT_LATENCY, self._summed + 1)

    def _lanes(self, m, p, advance):
        """Products to `o`; returns the squares."""
        squares = []
        for n in range(self._config.vector):
            m.submodules[f"lane_{n}"] = lane = GluLane(self._formats)
            spare = self.latency - GluLane.PRODUCT_LATENCY
            m.d.comb += [
                lane.advance.eq(advance),
                lane.a.eq(self.i.payload.a[n]),
                lane.b.eq(self.i.payload.b[n]),
                self.o.payload.product[n].eq(p.delay(lane.product, spare, f"product_{n}")),
            ]
            squares.append(lane.square)
        return squares

    def elaborate(self, platform):
        m = Module()
        advance, valid = handshake(m, self.i, self.o, self.latency)
        p = Pipeline(m, advance)

        # Cycles 1 to 3, for the products to 5
        terms = self._lanes(m, p, advance)
        tag = p.delay(self.i.payload.tag, self._summed, "tag_in")
        m.d.comb += self.o.payload.tag.eq(p.delay(tag, self.latency - self._summed, "tag_out"))

        # Cycles 4 ...: add pairs, one clock a level
        while len(terms) > 1:
            terms = [p.register(terms[n] + terms[n + 1] if n + 1 < len(terms) else terms[n],
                                f"sum_of_{len(terms)}_{n}") for n in range(0, len(terms), 2)]

        # Last cycle: accumulate
        energy = Signal(ENERGY_BITS)
        with m.If(advance & valid[self._summed - 1]):
            m.d.sync += energy.eq(Mux(tag.first, 0, energy) + terms[0])
        m.d.comb += self.energy.eq(energy)
        return m
