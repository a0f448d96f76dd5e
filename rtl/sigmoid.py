"""The logistic function from a table of straight pieces in block RAM."""

from amaranth.hdl import Module, Mux, signed, unsigned
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from ..common.tables import sigmoid_pieces
from .pipeline import Pipeline

FEW = 64  # pieces


class Sigmoid(Component):
    """One element through golden.sigmoid; a part of SiluLane and MlgruLane.

    {index, fraction} = min(|a|, 16 - least bit)
    y = base[index] + (slope[index] * fraction >> bits of fraction),   1 - y for negative a

    Latency: 6 clocks; one element a clock. Base and slope share a block RAM of
    2**sigmoid_index_bits words, or are gates if those are FEW; the product takes one DSP block.

    Parameters
    ----------
    formats : Formats
    mirrored : bool
        Give sigmoid(-a) instead.

    Members
    -------
    advance : In(1)
        Enable of all registers.
    a : In(signed(value_bits))
    y : Out(unsigned(sigmoid_frac))
    """

    LATENCY = 6

    def __init__(self, formats=DEFAULT, *, mirrored=False):
        self._formats, self._mirrored = formats, mirrored
        super().__init__({
            "advance": In(1),
            "a": In(signed(formats.value_bits)),
            "y": Out(unsigned(formats.sigmoid_frac)),
        })

    def _piece(self, m, index):
        """{base, slope} of the piece, a clock after its index."""
        base, slope = sigmoid_pieces(self._formats)
        shape = data.StructLayout({"base": self._formats.sigmoid_frac,
                                   "slope": max(slope).bit_length()})
        m.submodules.table = table = Memory(
            shape=shape, depth=len(base),
            init=[{"base": b, "slope": s} for b, s in zip(base, slope)],
            attrs={"rom_style": "logic"} if len(base) <= FEW else {})
        port = table.read_port()
        m.d.comb += [port.en.eq(self.advance), port.addr.eq(index)]
        return port.data

    def elaborate(self, platform):
        m = Module()
        f, p = self._formats, Pipeline(m, self.advance)
        argument_bits = f.value_frac + f.sigmoid_range_bits
        fraction_bits = argument_bits - f.sigmoid_index_bits
        one = 1 << f.sigmoid_frac

        # Cycle 1: magnitude
        magnitude = p.register(Mux(self.a < 0, -self.a, self.a)[:f.value_bits], "magnitude")
        # The half beside zero does not matter: sigmoid(0) = 1 - sigmoid(0).
        below = p.register(~self.a[-1] if self._mirrored else self.a[-1], "below")

        # Cycle 2: all ones from 16 on
        beyond = magnitude[argument_bits:].any()
        argument = p.register(magnitude[:argument_bits] | beyond.replicate(argument_bits),
                              "argument")

        # Cycle 3: the table
        piece = self._piece(m, argument[fraction_bits:])
        fraction = p.delay(argument[:fraction_bits], 2, "fraction")

        # Cycle 4: out of the block RAM, which is slow, into registers
        piece = p.register(piece, "piece")

        # Cycle 5: the rise within the piece
        rise = p.register(piece.slope * fraction >> fraction_bits, "rise")
        below = p.delay(below, 3, "below")
        base = p.register(Mux(below, one - piece.base, piece.base)[:f.sigmoid_frac], "base")

        # Cycle 6: the sum
        below = p.register(below, "below_4")
        total = Mux(below, base - rise, base + rise)[:f.sigmoid_frac]
        m.d.comb += self.y.eq(p.register(total, "total"))
        return m
