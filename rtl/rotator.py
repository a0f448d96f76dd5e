"""Turns octets round."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out


class Rotator(wiring.Component):
    """Rotates octets: two registers, the first by 0 to 3 places, the second by multiples of four.

    Parameters
    ----------
    count : int
        Octets, a power of two from 8 on.
    shape : shape-like
        Of what accompanies them.

    Members
    -------
    move : In(1)
        The registers take what is before them.
    i : In({octets, amount, besides}), o : Out({octets, besides})
        Octet j of `o` is octet (j + amount) mod count of `i`.
    """

    LATENCY = 2

    def __init__(self, count, shape):
        octets = data.ArrayLayout(8, count)
        self._count = count
        self._i = data.StructLayout({"octets": octets, "amount": range(count), "besides": shape})
        super().__init__({"move": In(1), "i": In(self._i),
                          "o": Out(data.StructLayout({"octets": octets, "besides": shape}))})

    def elaborate(self, platform):
        m, count = Module(), self._count
        half = Signal(self._i, reset_less=True)
        given = Signal(self.o.shape(), reset_less=True)
        m.d.comb += self.o.eq(given)
        with m.If(self.move):
            m.d.sync += [half.amount.eq(self.i.amount), half.besides.eq(self.i.besides),
                         given.besides.eq(half.besides)]
            for j in range(count):
                near = Array(self.i.octets[(j + k) % count] for k in range(4))
                far = Array(half.octets[(j + k) % count] for k in range(0, count, 4))
                m.d.sync += [half.octets[j].eq(near[self.i.amount[:2]]),
                             given.octets[j].eq(far[half.amount[2:]])]
        return m
