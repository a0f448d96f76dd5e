"""Shift and bit length of wide unsigned numbers, in a few short clocks each."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib.wiring import Component, In, Out

GROUP = 8  # bits of a first step of BitLength


class BitLength(Component):
    """Position of the highest set bit, plus one; 0 for 0.

    `LATENCY` clocks from `x` to `length`, one value a clock, no flow control.

    Members
    -------
    x : In(width)
    length : Out(range(width + 1))
    """

    LATENCY = 2

    def __init__(self, width):
        super().__init__({"x": In(width), "length": Out(range(width + 1))})

    def elaborate(self, platform):
        m = Module()
        width = len(self.x)
        length = 0
        for low in range(0, width, GROUP):
            # Cycle 1: the highest bit of each group
            some = Signal(name=f"some_{low}")
            position = Signal.like(self.length, name=f"position_{low}")
            highest = 0
            for bit in range(low, min(low + GROUP, width)):
                highest = Mux(self.x[bit], bit + 1, highest)
            m.d.sync += [some.eq(self.x[low:low + GROUP].any()), position.eq(highest)]
            # Cycle 2: the highest group
            length = Mux(some, position, length)
        m.d.sync += self.length.eq(length)
        return m


class Shifter(Component):
    """y = floor(x * 2**places), golden.shift_floor with the sign of `places` turned round.

    `LATENCY` clocks from `x` and `places` to `y` and `overflow`, one value a clock, no flow
    control. A right shift is a left shift of the bits in reverse order; its count is taken as
    the ones' complement of `places`, which is one too small, and the last step makes up for it.

    Members
    -------
    x : In(width + 1)
        One bit wider than what may leave: with its top bit set it overflows wherever it goes.
    places : In(signed(11))
        To the left; negative to the right.
    y : Out(width)
        Without meaning on overflow.
    overflow : Out(1)
        A set bit would have left on the left.
    """

    LATENCY = 3

    def __init__(self, width):
        if not 32 < width <= 64:
            raise ValueError(f"width={width}: the steps are those of 33 to 64 bits")
        super().__init__({"x": In(width + 1), "places": In(signed(11)),
                          "y": Out(width), "overflow": Out(1)})

    def elaborate(self, platform):
        m = Module()
        width = len(self.y)
        right = self.places[-1]
        count = Signal(10)
        m.d.comb += count.eq(self.places[:-1] ^ right.replicate(10))
        x = self.x[:width]

        def steps(value, lost, count, counts):
            """`value` moved up by those of `counts` whose bit of `count` is set."""
            for places in counts:
                chosen = count[places.bit_length() - 1]
                lost = lost | (chosen & value[width - places:].any())
                value = Mux(chosen, (value << places)[:width], value)
            return value, lost

        # Cycle 1: order of the bits; by 32 and everything beyond
        far = count[6:].any()
        window = Signal(width)
        m.d.comb += window.eq(Mux(right, x[::-1], x))
        value, lost = steps(window, 0, count, [32])
        value_1 = Signal(width, reset_less=True)
        lost_1 = Signal()
        top_1 = Signal()
        count_1 = Signal(5)
        right_1 = Signal()
        m.d.sync += [value_1.eq(Mux(far, 0, value)), lost_1.eq(Mux(far, x.any(), lost)),
                     top_1.eq(self.x[width]), count_1.eq(count), right_1.eq(right)]

        # Cycle 2: by 16 and 8
        value, lost = steps(value_1, lost_1, count_1, [16, 8])
        value_2 = Signal(width, reset_less=True)
        lost_2 = Signal()
        top_2 = Signal()
        count_2 = Signal(3)
        right_2 = Signal()
        m.d.sync += [value_2.eq(value), lost_2.eq(lost), top_2.eq(top_1),
                     count_2.eq(count_1), right_2.eq(right_1)]

        # Cycle 3: by 4, 2 and 1; order of the bits again
        value, lost = steps(value_2, lost_2, count_2, [4, 2, 1])
        m.d.sync += [self.y.eq(Mux(right_2, value[::-1] >> 1, value)),
                     self.overflow.eq(top_2 | (~right_2 & lost))]
        return m
