"""Adders whose second operand is a code times a trit, in one LUT4 a bit on the ECP5."""

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .ecp5 import is_ecp5

# Half of a CCU2C: a LUT4 of A, B, C, D; the carry passes where it is 1, and where it is 0 the LUT2
# of A and B in its lower four bits is the carry. ECP5 family data sheet (FPGA-DS-02012), "Slice";
# yosys' ccu2c_sim.vh.
TERNARY = 0x9A6A  # A ^ (C & (B ^ D)); A where C = D = 0: A = a, B = x, C = nonzero, D = negative
CARRY_OF_A = 0x000A  # 0 where C = D = 1; the carry is then A


def add_with_carry(a, b, carry):
    """Signed a + b + carry in one carry chain, with a bit below the sum that is to be dropped."""
    return Cat(Const(1, 1), a).as_signed() + Cat(carry, b).as_signed()


def select(x, trit):
    """Ones' complement of trit * x: the 1 that makes a negative is still to be added."""
    return Mux(trit.nonzero, Mux(trit.negative, ~x, x), 0)


class TernaryAdder(wiring.Component):
    """y = a + trit * x, the sum of a number and a code, its negative or nothing.

    Combinational. On a platform of the family "ecp5" it is made of CCU2C, a half for the carry in
    and a half a bit, which yosys does not find by itself; elsewhere, and so in simulation, it is
    what it says. formal/ecp5_lanes.py proves the two equal.

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

    def elaborate(self, platform):
        m = Module()
        if is_ecp5(platform):
            self.build_cells(m)
        else:
            total = Signal(signed(self.bits + 2))
            m.d.comb += [total.eq(add_with_carry(self.a, select(self.x, self), self.negative)),
                         self.y.eq(total[1:])]
        return m

    def build_cells(self, m):
        pairs = -(-self.bits // 2)
        a = Signal(signed(2 * pairs))
        x = Signal(signed(2 * pairs))
        y = Signal(2 * pairs)
        carry = Signal(pairs + 1)
        m.d.comb += [a.eq(self.a), x.eq(self.x), self.y.eq(y[:self.bits])]
        # The lower half does nothing: its LUT4 is 0 and A is 0.
        m.submodules.carry_in = cell((0, CARRY_OF_A), [(0, 0, 0, 0), (self.negative, 0, 1, 1)],
                                     Const(0), carry[0], Signal(2, name="unused"))
        for k in range(pairs):
            inputs = [(a[n], x[n], self.nonzero, self.negative) for n in (2 * k, 2 * k + 1)]
            m.submodules[f"bits_{k}"] = cell((TERNARY, TERNARY), inputs, carry[k], carry[k + 1],
                                             y[2 * k:2 * k + 2])


def cell(tables, inputs, carry_in, carry_out, sums):
    """A CCU2C of two LUT4 `tables`, each with its (A, B, C, D) in `inputs`."""
    ports = {f"i_{name}{half}": value for half, values in enumerate(inputs)
             for name, value in zip("ABCD", values)}
    return Instance("CCU2C", p_INIT0=Const(tables[0], 16), p_INIT1=Const(tables[1], 16),
                    p_INJECT1_0="NO", p_INJECT1_1="NO", i_CIN=carry_in, o_COUT=carry_out,
                    o_S0=sums[0], o_S1=sums[1], **ports)
