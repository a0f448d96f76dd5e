"""The multipliers, adders and accumulator of one output row."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .trit_decoder import trit_layout


def add_with_carry(a, b, carry):
    """Signed a + b + carry in one carry chain, with a bit below the sum that is to be dropped."""
    return Cat(Const(1, 1), a).as_signed() + Cat(carry, b).as_signed()


class TernaryRow(wiring.Component):
    """accumulator += sum over n of trit_n * code_n, one chunk of `inputs` codes a clock.

    A negative trit inverts the bits of its code, a zero trit clears them; the 1 that makes the
    negative code is a carry into one of the adders. The tree has one adder less than it has
    codes, and the accumulator takes the carry that is left.

    Feed-forward, no enable. Latency: `latency` clocks from codes to the clock in which `valid`
    and `last` belong to them, one more to `total`.

    Parameters
    ----------
    inputs : int
        Codes a clock.
    bits : int
        Of the accumulator.

    Members
    -------
    codes : In(ArrayLayout(signed(8), inputs))
    trits : In(ArrayLayout({nonzero, negative}, inputs))
    valid : In(1)
        The codes of `latency` clocks ago count.
    last : In(1)
        They complete the sum, and the next chunk begins another one. Only with `valid`.
    total : Out(signed(bits))
        The completed sum, held until the next one.
    """

    def __init__(self, inputs, bits):
        self.inputs, self.bits = inputs, bits
        self.latency = (inputs - 1).bit_length()
        super().__init__({
            "codes": In(data.ArrayLayout(signed(8), inputs)),
            "trits": In(data.ArrayLayout(trit_layout, inputs)),
            "valid": In(1),
            "last": In(1),
            "total": Out(signed(bits)),
        })

    def elaborate(self, _platform):
        m = Module()

        # Cycle 0: select; add pairs. Every further cycle: add pairs of sums.
        nodes, carries = [], []
        for n in range(self.inputs):
            selected = Signal(signed(8), name=f"selected_{n}")
            trit = self.trits[n]
            m.d.comb += selected.eq(Mux(trit.nonzero, Mux(trit.negative, ~self.codes[n],
                                                          self.codes[n]), 0))
            nodes.append(selected)
            carries.append(trit.negative)
        for level in range(self.latency):
            nodes, carries = self.add_pairs(m, nodes, carries, level)

        # Cycle `latency`: accumulate.
        (chunk,), (carry,) = nodes, carries
        accumulator = Signal(signed(self.bits))
        total = Signal(signed(self.bits + 2))
        m.d.comb += total.eq(add_with_carry(accumulator, chunk, carry))
        with m.If(self.valid):
            m.d.sync += accumulator.eq(total[1:])
        with m.If(self.last):
            # A synchronous reset: the chain needs no selection between 0 and the old value.
            m.d.sync += [accumulator.eq(0), self.total.eq(total[1:])]
        return m

    def add_pairs(self, m, nodes, carries, level):
        """Registered sums of pairs, and the carries that are still to be added."""
        sums = []
        for k in range(len(nodes) // 2):
            a, b, carry = nodes[2 * k], nodes[2 * k + 1], carries[k]
            total = Signal(signed(max(len(a), len(b)) + 2), name=f"sum_{level}_{k}")
            m.d.sync += total.eq(add_with_carry(a, b, carry))
            sums.append(total[1:].as_signed())
        waiting = []
        if len(nodes) % 2:
            odd = Signal(signed(len(nodes[-1])), name=f"odd_{level}")
            m.d.sync += odd.eq(nodes[-1])
            sums.append(odd)
        for k, carry in enumerate(carries[len(nodes) // 2:]):
            later = Signal(name=f"carry_{level}_{k}")
            m.d.sync += later.eq(carry)
            waiting.append(later)
        return sums, waiting
