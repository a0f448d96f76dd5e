"""The adder with a ternary operand in CCU2C equals the plain one, for all inputs."""

from amaranth.hdl import Assert, Assume, Cover, Module, signed
from amaranth.lib.wiring import Component, In

from ..rtl.ecp5_lanes import FAMILY, TernaryAdder
from .box import Box

# Every width that a row of any preset adds: a code to a code, a code to the sum of some, and the
# accumulator's width.
WIDTHS = ((8, 8), (9, 8), (10, 8), (11, 8), (12, 8), (16, 8), (22, 8))
CELLS = "+/ecp5/cells_sim.v"  # yosys' models


class Cells(TernaryAdder):
    """The adder as it is built on an ECP5."""

    def elaborate(self, _platform):
        return super().elaborate(FAMILY)


class Properties(Component):
    """Both forms on the same free inputs; yosys' own model of the cell."""

    def __init__(self):
        most = max(a for a, _ in WIDTHS)
        super().__init__({"a": In(signed(most)), "x": In(signed(8)), "nonzero": In(1),
                          "negative": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.d.comb += [Assume(self.nonzero | ~self.negative),
                     Cover(self.nonzero & self.negative & (self.x == -128))]
        for widths in WIDTHS:
            name = "_".join(map(str, widths))
            plain, cells = TernaryAdder(*widths), Cells(*widths)
            m.submodules[f"plain_{name}"], m.submodules[f"cells_{name}"] = plain, cells
            for form in (plain, cells):
                m.d.comb += [form.a.eq(self.a), form.x.eq(self.x), form.nonzero.eq(self.nonzero),
                             form.negative.eq(self.negative)]
            m.d.comb += Assert(plain.y == cells.y)
        return m


BOXES = (Box(
    name="ecp5_lanes", top=Properties, bound=0, cover=1, prove="induction", steps=1,
    verilog=(CELLS,),
    says="the adder of a ternary operand in CCU2C equals the plain one for all inputs, at "
         + ", ".join(f"{a} + {x}" for a, x in WIDTHS) + " bits"),)
