"""What the boxes of the vector pipeline share: the tag of a beat, lock-step registers, products."""

from functools import reduce
from operator import add

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, signed
from amaranth.lib import data
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

tag_layout = data.StructLayout({"address": 16, "first": 1, "last": 1})

OPERAND_BITS = 18  # of a MULT18X18D, signed
LOW_BITS = OPERAND_BITS - 1  # of an unsigned part with a zero as its sign
# A delay that loads fewer wires in distributed RAM than in registers: clocks, bits.
LONG, WIDE = 8, 16


class Pipeline:
    """Registers of `module` that move together, whenever `advance` is high.

    They hold payload only and are not reset; what is valid is the business of `handshake`.
    """

    def __init__(self, module, advance):
        self._module, self._advance = module, advance

    def register(self, value, name):
        """`value` one clock later."""
        held = Signal(value.shape(), name=name, reset_less=True)
        with self._module.If(self._advance):
            self._module.d.sync += held.eq(value)
        return held

    def delay(self, value, clocks, name):
        """`value` that many clocks later; if it is WIDE, from LONG on through a ring in distributed
        RAM."""
        if clocks >= LONG and Shape.cast(value.shape()).width >= WIDE:
            return self.register(self._ring(value, clocks - 1, name), f"{name}_{clocks}")
        for clock in range(clocks):
            value = self.register(value, f"{name}_{clock + 1}")
        return value

    def _ring(self, value, places, name):
        """What `value` was `places` clocks ago, of those that advance: a place is read, then
        written."""
        m = self._module
        m.submodules[f"{name}_ring"] = ring = Memory(
            shape=value.shape(), depth=places, init=[], attrs={"ram_style": "distributed"})
        write, read = ring.write_port(), ring.read_port(domain="comb")
        place = Signal(range(places), name=f"{name}_place")
        with m.If(self._advance):
            m.d.sync += place.eq(Mux(place == places - 1, 0, place + 1))
        m.d.comb += [read.addr.eq(place), write.addr.eq(place), write.en.eq(self._advance),
                     write.data.eq(value)]
        return read.data


def handshake(m, i, o, latency):
    """Valid and ready of a pipeline between streams `i` and `o` that moves or stands as a whole.

    It stands while a beat at its end is not taken. Returns `advance`, and `valid` whose bit n says
    that the registers of cycle n + 1 hold a beat.
    """
    advance, valid = Signal(name="advance"), Signal(latency, name="valid")
    m.d.comb += [
        advance.eq(o.ready | ~o.valid),
        i.ready.eq(advance),
        o.valid.eq(valid[-1]),
    ]
    with m.If(advance):
        m.d.sync += valid.eq(Cat(i.valid, valid))
    return advance, valid


def operand_bits(shape):
    """The most that an operand of such a sign has."""
    return OPERAND_BITS if shape.signed else LOW_BITS


def operands(value):
    """`value` cut into operands of a MULT18X18D: [value], or [lowest 17 bits, the rest]."""
    if len(value) <= operand_bits(value.shape()):
        return [value]
    low, high = value[:LOW_BITS], value[LOW_BITS:]
    return [low, high.as_signed() if value.shape().signed else high]


class Multiplier(Component):
    """The rounded product of two numbers wider than the operands of a DSP block.

    product = (x * y + half) >> places, half = 2**(places - 1)

    Latency: 3 clocks. `x` and `y` should come straight from registers. Takes one block for each
    pair of operands of 18 bits: 24 x 17 takes two, 32 x 24 four.

    Parameters
    ----------
    x, y : Shape
        `x` is signed. Either is at most two operands: 35 bits signed, 34 bits unsigned.
    places : int
        No more than either operand has bits.

    Members
    -------
    advance : In(1)
        Enable of all registers.
    x, y : In
    product : Out(signed(bits of x + bits of y - places))
    """

    LATENCY = 3

    def __init__(self, x, y, places=0):
        x, y = Shape.cast(x), Shape.cast(y)
        fit = all(shape.width <= LOW_BITS + operand_bits(shape) for shape in (x, y))
        if not x.signed or not fit or not 0 <= places <= min(x.width, y.width):
            raise ValueError(f"Multiplier of {x!r} and {y!r}, rounded at {places}")
        self._places = places
        super().__init__({
            "advance": In(1),
            "x": In(x),
            "y": In(y),
            "product": Out(signed(x.width + y.width - places)),
        })

    def elaborate(self, platform):
        m = Module()
        p = Pipeline(m, self.advance)
        places = self._places
        half = (1 << places) >> 1

        # Cycle 1: products of the parts
        partial = {(j, k): p.register(x * y, f"partial_{j}_{k}")
                   for j, x in enumerate(operands(self.x)) for k, y in enumerate(operands(self.y))}

        # Cycle 2: round the lowest, add the two of equal weight
        lowest, highest = partial.pop((0, 0)), partial.pop((1, 1), None)
        if highest is None:
            base = p.register(lowest + half, "base")
        else:
            # The lowest has two unsigned parts: it still fits 34 bits with 2**17 added to it. A
            # larger half goes to the two, a constant that costs one level of carry-save.
            below = half if half <= 1 << LOW_BITS else 0
            base = p.register(Cat((lowest + below)[:2 * LOW_BITS], highest).as_signed(), "base")
        if partial:
            cross = reduce(add, partial.values())
            if highest is not None and below != half:
                cross = cross + (half >> LOW_BITS)
            cross = p.register(cross, "cross")

        # Cycle 3: one sum; the lowest 17 bits have no part in it
        total = base
        if partial:
            total = Cat(base[:LOW_BITS], (base >> LOW_BITS) + cross).as_signed()
        m.d.comb += self.product.eq(p.register(total >> places, "rounded"))
        return m
