"""Integer square root, a few bits a clock."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib.wiring import Component, In, Out

from .divider import largest_digit


class Root(Component):
    """root = floor(sqrt(radicand)), by digits, restoring.

    A pulse on `start` takes the radicand; `root` is right `LATENCY` clocks later, until the next
    start. LATENCY = 1 + ceil(bits / pace), for `pace` bits a clock, up to 3.

    Members
    -------
    start : In(1), radicand : In(2 * bits)
    root : Out(bits)
    """

    def __init__(self, bits, pace=1):
        self.bits, self.pace = bits, pace
        self.steps = -(-bits // pace)
        self.LATENCY = 1 + self.steps
        super().__init__({"start": In(1), "radicand": In(2 * bits), "root": Out(bits)})

    def elaborate(self, platform):
        m = Module()
        bits = self.bits
        remainder = Signal(bits + 1, reset_less=True)
        # Of the radicand, from the top
        digits = Signal(2 * self.steps * self.pace, reset_less=True)
        left = Signal(range(self.steps + 1))
        # (root * 2**pace + n)**2 is root**2 * 4**pace and n times (root * 2**(pace + 1) + n) more.
        pace = self.pace
        wide = Cat(digits[-2 * pace:], remainder)
        units = [Cat(Const(n, pace + 1), self.root) for n in range(1 << pace)]
        digit, after = largest_digit(m, wide, units)
        after, root = after[:bits + 1], Cat(digit, self.root)[:bits]
        with m.If(self.start):
            m.d.sync += [remainder.eq(0), digits.eq(self.radicand), self.root.eq(0),
                         left.eq(self.steps)]
        with m.Elif(left != 0):
            m.d.sync += [remainder.eq(after), digits.eq(digits << 2 * self.pace),
                         self.root.eq(root), left.eq(left - 1)]
        return m
