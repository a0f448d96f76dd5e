"""Integer division, one bit a clock."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out


class Divider(Component):
    """Quotient of (high * 2**steps + low) / divisor, restoring; needs high < divisor.

    A pulse on `start` takes high and low. One bit of the quotient moves into `quotient` from
    below in each clock that follows, so that after n of them it ends in the n uppermost bits of
    the quotient; all `steps` bits are there `LATENCY` clocks after the start and stay until the
    next one. LATENCY = 1 + steps.

    Members
    -------
    start : In(1), high : In(bits), low : In(steps)
    divisor : In(bits)
        Held while the division runs, from the clock after `start` on.
    quotient : Out(steps)
    """

    def __init__(self, bits, steps):
        self.bits, self.steps = bits, steps
        self.LATENCY = 1 + steps
        super().__init__({"start": In(1), "high": In(bits), "low": In(steps), "divisor": In(bits),
                          "quotient": Out(steps)})

    def elaborate(self, platform):
        m = Module()
        bits, steps = self.bits, self.steps
        remainder = Signal(bits)
        left = Signal(range(steps + 1))
        wide = Signal(bits + 1)
        difference = Signal(bits + 2)
        m.d.comb += [wide.eq(Cat(self.quotient[-1], remainder)),
                     difference.eq(wide - self.divisor)]
        fits = ~difference[-1]
        with m.If(self.start):
            m.d.sync += [remainder.eq(self.high), self.quotient.eq(self.low), left.eq(steps)]
        with m.Elif(left != 0):
            m.d.sync += [remainder.eq(Mux(fits, difference, wide)),
                         self.quotient.eq(Cat(fits, self.quotient)), left.eq(left - 1)]
        return m
