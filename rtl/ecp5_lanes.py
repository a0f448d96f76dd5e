"""Adders whose second operand is a code times a trit, in one LUT4 a bit on the ECP5."""

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

# CCU2C, half of it: LUT4 of A, B, C, D; the carry is A where the LUT4 is 0 and passes where it is
# 1 (its lower four bits, those of C = D = 0, make the LUT2 of A and B that gives the carry).
# ECP5 family data sheet (FPGA-DS-02012), "Slice"; yosys' ccu2c_sim.vh.
TERNARY = 0x9A6A  # A ^ (C & (B ^ D)): A = a, B = x, C = nonzero, D = negative
CARRY_OF_A = 0x000A  # with C = D = 1 the LUT4 is 0 and the carry out is A


class TernaryAdder(wiring.Component):
    """y = a + trit * x, the sum of a number and a code, its negative or nothing.

    Combinational. The plain form; `Ecp5TernaryAdder` is the same in cells of the ECP5, and
    formal/ecp5_lanes.py proves them equal.

    Parameters
    ----------
    a_bits, x_bits : int
        Of the signed operands.

    Members
    -------
    a : In(signed(a_bits)), x : In(signed(x_bits))
    nonzero, negative : In(1)
        The trit. A zero trit is not negative.
    y : Out(signed(max(a_bits, x_bits) + 1))
    """

    def __init__(self, a_bits, x_bits):
        self.bits = max(a_bits, x_bits) + 1
        super().__init__({"a": In(signed(a_bits)), "x": In(signed(x_bits)), "nonzero": In(1),
                          "negative": In(1), "y": Out(signed(self.bits))})

    def elaborate(self, _platform):
        m = Module()
        term = Mux(self.nonzero, Mux(self.negative, -self.x, self.x), 0)
        m.d.comb += self.y.eq(self.a + term)
        return m


class Ecp5TernaryAdder(TernaryAdder):
    """TernaryAdder in CCU2C: half a cell for the carry in, half a cell a bit."""

    def elaborate(self, _platform):
        m = Module()
        pairs = -(-self.bits // 2)
        a, x = Signal(signed(2 * pairs)), Signal(signed(2 * pairs))
        y, carry = Signal(2 * pairs), Signal(pairs + 1)
        m.d.comb += [a.eq(self.a), x.eq(self.x), self.y.eq(y[:self.bits])]
        # The lower half does nothing: its LUT4 is 0 and A is 0.
        m.submodules.carry_in = self.cell(
            (0, CARRY_OF_A), Const(0), carry[0], Const(0, 2),
            [(0, 0, 0, 0), (self.negative, 0, 1, 1)])
        for k in range(pairs):
            inputs = [(a[n], x[n], self.nonzero, self.negative) for n in (2 * k, 2 * k + 1)]
            m.submodules[f"bits_{k}"] = self.cell(
                (TERNARY, TERNARY), carry[k], carry[k + 1], y[2 * k:2 * k + 2], inputs)
        return m

    @staticmethod
    def cell(tables, carry_in, carry_out, sums, inputs):
        """A CCU2C of two LUT4 `tables`, each with its (A, B, C, D)."""
        ports = {f"i_{name}{half}": value for half, values in enumerate(inputs)
                 for name, value in zip("ABCD", values)}
        if isinstance(sums, Const):
            sums = Signal(2, name="unused")
        return Instance("CCU2C", p_INIT0=Const(tables[0], 16), p_INIT1=Const(tables[1], 16),
                        p_INJECT1_0="NO", p_INJECT1_1="NO", i_CIN=carry_in, o_COUT=carry_out,
                        o_S0=sums[0], o_S1=sums[1], **ports)
