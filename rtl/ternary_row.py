"""The multipliers, adders and accumulator of one output row."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .ecp5_lanes import TernaryAdder, add_with_carry, select
from .trit_decoder import trit_layout


class TernaryRow(wiring.Component):
    """accumulator += sum over n of trit_n * code_n, one chunk of `inputs` codes a clock.

    A negative trit inverts the bits of its code, a zero trit clears them; the 1 that makes the
    negative code is a carry into one of the adders. The first adders take their second code with
    its trit, and the 1 of its negative as their own carry (TernaryAdder); the 1 of the first codes
    are carries of the adders behind, of which the accumulator is the last.

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

        nodes, carries = self.add_codes(m)
        for level in range(1, self.latency):
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

    def add_codes(self, m):
        """Cycle 0: sums of pairs of codes, and the carries that their first codes leave."""
        sums, carries = [], []
        for k in range(-(-self.inputs // 2)):
            trit, code = self.trits[2 * k], self.codes[2 * k]
            selected = Signal(signed(8), name=f"selected_{k}")
            total, carry = (Signal(shape, name=f"{name}_0_{k}", reset_less=True)
                            for name, shape in (("sum", signed(9)), ("carry", 1)))
            m.d.comb += selected.eq(select(code, trit))
            m.d.sync += [total.eq(selected), carry.eq(trit.negative)]
            if 2 * k + 1 < self.inputs:
                m.submodules[f"adder_{k}"] = adder = TernaryAdder(8, 8)
                other = self.trits[2 * k + 1]
                m.d.comb += [adder.a.eq(selected), adder.x.eq(self.codes[2 * k + 1]),
                             adder.nonzero.eq(other.nonzero), adder.negative.eq(other.negative)]
                m.d.sync += total.eq(adder.y)
            sums.append(total)
            carries.append(carry)
        return sums, carries

    def add_pairs(self, m, nodes, carries, level):
        """A further cycle: sums of pairs, and the carries that are still to be added."""
        sums = []
        for k in range(len(nodes) // 2):
            a, b, carry = nodes[2 * k], nodes[2 * k + 1], carries[k]
            total = Signal(signed(max(len(a), len(b)) + 2), name=f"sum_{level}_{k}",
                           reset_less=True)
            m.d.sync += total.eq(add_with_carry(a, b, carry))
            sums.append(total[1:].as_signed())
        waiting = []
        if len(nodes) % 2:
            odd = Signal(signed(len(nodes[-1])), name=f"odd_{level}", reset_less=True)
            m.d.sync += odd.eq(nodes[-1])
            sums.append(odd)
        for k, carry in enumerate(carries[len(nodes) // 2:]):
            later = Signal(name=f"carry_{level}_{k}", reset_less=True)
            m.d.sync += later.eq(carry)
            waiting.append(later)
        return sums, waiting
