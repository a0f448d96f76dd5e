"""Five trits out of a byte."""

from itertools import product

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..common.config import TRITS_PER_BYTE

trit_layout = data.StructLayout({"nonzero": 1, "negative": 1})


def table(function, *arguments):
    """Truth table of a few unsigned signals: one bit of `function`'s value for each combination."""
    rows = product(*(range(1 << len(a)) for a in reversed(arguments)))  # the first varies fastest
    ones = sum(bool(function(*reversed(row))) << n for n, row in enumerate(rows))
    return Const(ones, 1 << sum(map(len, arguments))).bit_select(Cat(*arguments), 1)


class TritDecoder(wiring.Component):
    """Splits a byte sum((trit_k + 1) * 3**k), 0 to 242, into its five trits.

    The byte is 16 h + l. Both summands in base 3 are tables of a nibble, and the digits of the
    byte are their sum in base 3: functions of two digits and a carry. That takes 33 LUT4, where
    five tables of a byte take 120.

    Feed-forward, one byte a clock, no enable. Latency: 2 clocks.

    Members
    -------
    i : In(8)
        A byte of the tape.
    o : Out(ArrayLayout({nonzero, negative}, 5))
        trit_k in element k. A zero trit is not negative.
    """

    latency = 2

    i: In(8)
    o: Out(data.ArrayLayout(trit_layout, TRITS_PER_BYTE))

    def elaborate(self, _platform):
        m = Module()

        # Cycle 0: 16 h and l in base 3. l has only three digits, the third at most 1.
        def digits(nibble, weight, widths, name):
            result = []
            for k, width in enumerate(widths):
                digit = Signal(width, name=f"{name}_{k}", reset_less=True)
                for bit in range(width):
                    m.d.sync += digit[bit].eq(
                        table(lambda n, k=k, bit=bit: n * weight // 3**k % 3 >> bit & 1, nibble))
                result.append(digit)
            return result

        high = digits(self.i[4:], 16, [2, 2, 2, 2, 2], "high")
        low = digits(self.i[:4], 1, [2, 2, 1], "low")

        # Cycle 1: the sum, digit by digit.
        carry = Const(0, 0)
        for k in range(TRITS_PER_BYTE):
            terms = [t for t in (high[k], *low[k:k + 1], carry) if len(t)]
            m.d.sync += [
                self.o[k].nonzero.eq(table(lambda *d: sum(d) % 3 != 1, *terms)),
                self.o[k].negative.eq(table(lambda *d: sum(d) % 3 == 0, *terms)),
            ]
            carry_out = Signal(name=f"carry_{k}")
            m.d.comb += carry_out.eq(table(lambda *d: sum(d) >= 3, *terms))
            carry = carry_out
        return m
