"""Integer division, a few bits a clock."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out


class Divider(Component):
    """Quotient of (high * 2**steps + low) / divisor, restoring; needs high < divisor.

    A pulse on `start` takes high and low. `pace` bits of the quotient move into `quotient` from
    below in each clock that follows, so that after n of them it ends in the n * pace uppermost bits
    of the quotient; all `steps` bits are there `LATENCY` clocks after the start and stay until the
    next one. LATENCY = 1 + steps / pace.

    Parameters
    ----------
    bits, steps : int
    pace : int
        Divides `steps`.

    Members
    -------
    start : In(1), high : In(bits), low : In(steps)
    divisor : In(bits)
        Held while the division runs.
    quotient : Out(steps)
    """

    def __init__(self, bits, steps, pace=1):
        self.bits, self.steps, self.pace = bits, steps, pace
        self.LATENCY = 1 + steps // pace
        super().__init__({"start": In(1), "high": In(bits), "low": In(steps), "divisor": In(bits),
                          "quotient": Out(steps)})

    def elaborate(self, platform):
        m = Module()
        bits, steps = self.bits, self.steps
        remainder = Signal(bits)
        left = Signal(range(steps + 1))
        after, quotient = remainder, self.quotient
        for _ in range(self.pace):
            wide = Cat(quotient[-1], after)
            difference = wide - self.divisor
            fits = ~difference[-1]
            after = Mux(fits, difference, wide)[:bits]
            quotient = Cat(fits, quotient)[:steps]
        with m.If(self.start):
            m.d.sync += [remainder.eq(self.high), self.quotient.eq(self.low),
                         left.eq(steps // self.pace)]
        with m.Elif(left != 0):
            m.d.sync += [remainder.eq(after), self.quotient.eq(quotient), left.eq(left - 1)]
        return m
