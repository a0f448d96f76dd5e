"""An adder whose second operand has a sign of its own."""

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal, signed
from amaranth.lib.wiring import Component, In, Out

from .ecp5 import is_ecp5

# LUT contents of a CCU2C (Lattice FPGA-TN-02200 and yosys' model of the cell), D = 1:
ADD = 0x96AA  # sum A ^ B ^ C, carry from A where they differ; C inverts B
CARRY_IN = 0x000A  # with B = 0 and C = 1: the carry is A
NO_BORROW = 0x000F | sum(  # without a carry in: the carry is that of A + (B ^ C) + C
    (a + (b ^ c) + c < 2) << (8 + a + 2 * b + 4 * c)
    for a in (0, 1) for b in (0, 1) for c in (0, 1))


class SignedAdder(Component):
    """y = a - b if negative else a + b; combinational.

    On an ECP5 the sign is an input of the look-up tables of the carry chain itself, where yosys
    would put a layer of gates in front: width + 1 LUT4 in all.

    Members
    -------
    a, b : In(signed(width))
        Shorter ones are extended by what drives them.
    negative : In(1)
    y : Out(signed(width))
    """

    def __init__(self, width):
        self.width = width
        super().__init__({"a": In(signed(width)), "b": In(signed(width)), "negative": In(1),
                          "y": Out(signed(width))})

    def elaborate(self, platform):
        m = Module()
        if is_ecp5(platform):
            self.build_carry_chain(m)
        else:
            m.d.comb += self.y.eq(Mux(self.negative, self.a - self.b, self.a + self.b))
        return m

    def build_carry_chain(self, m):
        """An odd width leaves a position below, in which the sign becomes a carry. An even one does
        not: there position 0 only makes the carry, and its sum, a[0] ^ b[0], a LUT beside it."""
        odd = self.width % 2
        a, b = (Cat(Const(0, odd), x) for x in (self.a, self.b))
        total = Signal(self.width + odd)
        carry = Const(0, 1)
        for n in range(0, len(total), 2):
            cell, carry_out = {}, Signal(name=f"carry_{n}")
            for k in (0, 1):
                ports = (a[n + k], b[n + k], self.negative, ADD)
                if n + k == 0:
                    ports = (self.negative, Const(0, 1), Const(1, 1), CARRY_IN) if odd else \
                        (*ports[:3], NO_BORROW)
                for port, x in zip("ABC", ports):
                    cell[f"i_{port}{k}"] = x
                cell |= {f"i_D{k}": Const(1, 1), f"o_S{k}": total[n + k],
                         f"p_INIT{k}": Const(ports[3], 16), f"p_INJECT1_{k}": "NO"}
            m.submodules[f"cell_{n}"] = Instance("CCU2C", i_CIN=carry, o_COUT=carry_out, **cell)
            carry = carry_out
        m.d.comb += self.y.eq(total[1:] if odd else Cat(a[0] ^ b[0], total[1:]))
