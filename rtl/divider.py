"""Integer division, a few bits a clock."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib.wiring import Component, In, Out


def times(x, factor):
    """x * factor, of factors up to 7 with one adder at most."""
    if factor.bit_count() <= 1:
        return x << (factor.bit_length() - 1) if factor else Const(0, 1)
    if factor % 2 == 0:
        return times(x, factor // 2) << 1
    if factor == (1 << factor.bit_length()) - 1 and factor > 3:
        return ((x << factor.bit_length()) - x)[:len(x) + factor.bit_length()]
    return (x << (factor.bit_length() - 1)) + times(x, factor - (1 << factor.bit_length() - 1))


def largest_digit(m, wide, units):
    """(digit, what is left) of the largest digit with digit * units[digit] <= wide."""
    digit, left = Signal(range(len(units)), name="digit"), Signal(len(wide), name="left_over")
    m.d.comb += left.eq(wide)
    for n in range(1, len(units)):
        difference = Signal(len(wide) + 1, name=f"difference_{n}")
        borrow = Signal(name=f"borrow_{n}")
        product = times(units[n], n)
        m.d.comb += Cat(difference, borrow).eq(Cat(wide, Const(0, 2)) - product)
        with m.If(~borrow):
            m.d.comb += [digit.eq(n), left.eq(difference)]
    return digit, left


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
        Divides `steps`. All digits of so many bits are tried at once.

    Members
    -------
    start : In(1), high : In(bits), low : In(steps)
    divisor : In(bits)
        Held while the division runs, from the clock after `start` on.
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
        remainder = Signal(bits, reset_less=True)
        left = Signal(range(steps + 1))
        wide = Cat(self.quotient[-self.pace:], remainder)
        digit, after = largest_digit(m, wide, [self.divisor] * (1 << self.pace))
        after, quotient = after[:bits], Cat(digit, self.quotient)[:steps]
        with m.If(self.start):
            m.d.sync += [remainder.eq(self.high), self.quotient.eq(self.low),
                         left.eq(steps // self.pace)]
        with m.Elif(left != 0):
            m.d.sync += [remainder.eq(after), self.quotient.eq(quotient), left.eq(left - 1)]
        return m
