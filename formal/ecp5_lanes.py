"""The adders of the ternary lanes in CCU2C equal the plain ones, for all inputs."""

from amaranth.hdl import Assert, Assume, Cover, Module, signed
from amaranth.lib.wiring import Component, In

from ..rtl.ecp5 import FAMILY
from ..rtl.ecp5_lanes import TernaryAdder
from ..rtl.signed_adder import SignedAdder
from .box import Box

# Every width that a row of any preset adds: a code to a code, a code to the sum of some, and the
# accumulator's width.
TERNARY = ((8, 8), (9, 8), (10, 8), (11, 8), (12, 8), (16, 8), (22, 8))
SIGNED = range(10, 18)  # of a row of tables: an entry to the accumulator
CELLS = "+/ecp5/cells_sim.v"  # yosys' models


class OnEcp5:
    """Makes of an adder the form that an ECP5 gets."""

    def elaborate(self, _platform):
        return super().elaborate(FAMILY)


class TernaryCells(OnEcp5, TernaryAdder):
    """The cells of TernaryAdder."""


class SignedCells(OnEcp5, SignedAdder):
    """The cells of SignedAdder."""


class TernaryProperties(Component):
    """Both forms of TernaryAdder on the same free inputs; yosys' own model of the cell."""

    def __init__(self):
        most = max(a for a, _ in TERNARY)
        super().__init__({"a": In(signed(most)), "x": In(signed(8)), "nonzero": In(1),
                          "negative": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.d.comb += [Assume(self.nonzero | ~self.negative),
                     Cover(self.nonzero & self.negative & (self.x == -128))]
        for widths in TERNARY:
            name = "_".join(map(str, widths))
            plain, cells = TernaryAdder(*widths), TernaryCells(*widths)
            m.submodules[f"plain_{name}"], m.submodules[f"cells_{name}"] = plain, cells
            for form in (plain, cells):
                m.d.comb += [form.a.eq(self.a), form.x.eq(self.x), form.nonzero.eq(self.nonzero),
                             form.negative.eq(self.negative)]
            m.d.comb += Assert(plain.y == cells.y)
        return m


class SignedProperties(Component):
    """Both forms of SignedAdder on the same free inputs."""

    def __init__(self):
        super().__init__({"a": In(signed(max(SIGNED))), "b": In(signed(max(SIGNED))),
                          "negative": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.d.comb += Cover(self.negative & (self.a < 0) & (self.b == 0))
        for width in SIGNED:
            plain, cells = SignedAdder(width), SignedCells(width)
            m.submodules[f"plain_{width}"], m.submodules[f"cells_{width}"] = plain, cells
            for form in (plain, cells):
                m.d.comb += [form.a.eq(self.a), form.b.eq(self.b), form.negative.eq(self.negative)]
            m.d.comb += Assert(plain.y == cells.y)
        return m


BOXES = (
    Box(name="ecp5_lanes", top=TernaryProperties, bound=0, cover=1, prove="induction", steps=1,
        verilog=(CELLS,),
        says="the adder of a ternary operand in CCU2C equals the plain one for all inputs, at "
             + ", ".join(f"{a} + {x}" for a, x in TERNARY) + " bits"),
    Box(name="ecp5_tables", top=SignedProperties, bound=0, cover=1, prove="induction", steps=1,
        verilog=(CELLS,),
        says="the adder of the tables of three in CCU2C, a + b or a - b, equals the plain one for "
             f"all inputs, at {SIGNED[0]} to {SIGNED[-1]} bits"),
)
