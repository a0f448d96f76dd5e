"""Integer square root, one bit a clock."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out


class Root(Component):
    """root = floor(sqrt(radicand)), by digits, restoring.

    A pulse on `start` takes the radicand; `root` is right `LATENCY` clocks later, until the next
    start. LATENCY = 1 + bits.

    Members
    -------
    start : In(1), radicand : In(2 * bits)
    root : Out(bits)
    """

    def __init__(self, bits):
        self.bits = bits
        self.LATENCY = 1 + bits
        super().__init__({"start": In(1), "radicand": In(2 * bits), "root": Out(bits)})

    def elaborate(self, platform):
        m = Module()
        bits = self.bits
        remainder = Signal(bits + 1)
        digits = Signal(2 * bits)  # of the radicand, two a clock from the top
        left = Signal(range(bits + 1))
        wide = Signal(bits + 3)
        difference = Signal(bits + 4)
        m.d.comb += [wide.eq(Cat(digits[-2:], remainder)),
                     difference.eq(wide - Cat(Const(1, 2), self.root))]
        fits = ~difference[-1]
        with m.If(self.start):
            m.d.sync += [remainder.eq(0), digits.eq(self.radicand), self.root.eq(0), left.eq(bits)]
        with m.Elif(left != 0):
            m.d.sync += [remainder.eq(Mux(fits, difference, wide)), digits.eq(digits << 2),
                         self.root.eq(Cat(fits, self.root)), left.eq(left - 1)]
        return m
