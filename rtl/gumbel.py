"""The random numbers of the sampler, as model/sampler.py has them."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..common import generator
from ..common.formats import DEFAULT
from ..common.tables import (
    GUMBEL_OCTAVE_BITS,
    GUMBEL_PLACE_BITS,
    GUMBEL_STEP_BITS,
    gumbel_pieces,
)

STATE_BITS = 64
SLOPE_BITS = 11


def next_state(state):
    """generator.step as an expression: an exclusive or of at most eight bits for each bit."""
    a, b, c = generator.SHIFTS
    state = state ^ (state << a)[:STATE_BITS]
    state = state ^ (state >> b)
    return state ^ (state << c)[:STATE_BITS]


class Gumbel(wiring.Component):
    """One Gumbel variate for every `step`: xorshift64, then -ln(-ln u) in straight pieces.

    Feed-forward under one enable. One variate a clock; `latency` clocks of `enable`.

    Members
    -------
    enable : In(1)
        Everything moves on; `step` counts only with it.
    step : In(1)
    seed, reseed : In(64), In(1)
        A pulse on `reseed` loads generator.initial(seed).
    o : Out(signed(gumbel_bits))
        The variate, `gumbel_frac` fraction bits.
    """

    latency = 8

    def __init__(self, formats=DEFAULT):
        self.formats = formats
        super().__init__({
            "enable": In(1),
            "step": In(1),
            "seed": In(STATE_BITS),
            "reseed": In(1),
            "o": Out(signed(formats.gumbel_bits)),
        })

    def elaborate(self, _platform):
        m = Module()
        value = signed(self.formats.gumbel_bits)
        bits, fine = generator.UNIFORM_BITS, generator.UNIFORM_BITS - 1 - GUMBEL_STEP_BITS
        base, slope = gumbel_pieces(self.formats)
        m.submodules.table = table = Memory(
            shape=value.width + SLOPE_BITS, depth=len(base),
            init=[(b & ((1 << value.width) - 1)) | (s & ((1 << SLOPE_BITS) - 1)) << value.width
                  for b, s in zip(base, slope, strict=True)])
        read = table.read_port()

        # Cycle 0: the generator.
        state = Signal(STATE_BITS, init=generator.initial(0))
        mixed = Signal(STATE_BITS)
        m.d.comb += mixed.eq(self.seed ^ generator.SEED_MIX)
        with m.If(self.enable & self.step):
            m.d.sync += state.eq(next_state(state))
        with m.If(self.reseed):
            m.d.sync += state.eq(Mux(mixed.any(), mixed, generator.SEED_MIX))

        upper = [Signal(name=f"upper_{k}") for k in range(3)]
        octave = [Signal(GUMBEL_OCTAVE_BITS, name=f"octave_{k}") for k in range(3)]
        normal = [Signal(bits, name=f"normal_{k}") for k in range(3)]
        uniform = state[-bits:]
        with m.If(self.enable):
            # Cycles 1 to 3: the distance from the nearer end, its leading zeros shifted out.
            distance = Cat(Const(1, 1), uniform[:-1] ^ uniform[-1].replicate(bits - 1))
            found, shifted = self.shift_out(distance, [16])
            m.d.sync += [upper[0].eq(uniform[-1]), octave[0].eq(found), normal[0].eq(shifted)]
            found, shifted = self.shift_out(normal[0], [8, 4])
            m.d.sync += [upper[1].eq(upper[0]), octave[1].eq(octave[0] | found),
                         normal[1].eq(shifted)]
            found, shifted = self.shift_out(normal[1], [2, 1])
            m.d.sync += [upper[2].eq(upper[1]), octave[2].eq(octave[1] | found),
                         normal[2].eq(shifted)]

        # Cycle 4: the table.
        m.d.comb += [
            read.en.eq(self.enable),
            read.addr.eq(Cat(normal[2][fine:bits - 1], octave[2], upper[2])),
        ]
        place = [Signal(GUMBEL_PLACE_BITS, name=f"place_{k}") for k in range(2)]
        bases = [Signal(value, name=f"base_{k}", reset_less=True) for k in range(2)]
        rise = Signal(signed(SLOPE_BITS), reset_less=True)
        product = Signal(signed(SLOPE_BITS + GUMBEL_PLACE_BITS), reset_less=True)
        with m.If(self.enable):
            m.d.sync += [
                place[0].eq(normal[2][fine - GUMBEL_PLACE_BITS:fine]),
                # Cycle 5: a register, because block RAM is slow to answer.
                place[1].eq(place[0]),
                bases[0].eq(read.data[:value.width]),
                rise.eq(read.data[value.width:]),
                # Cycle 6: multiply.
                bases[1].eq(bases[0]),
                product.eq(rise * place[1]),
                # Cycle 7: add.
                self.o.eq(bases[1] + (product >> GUMBEL_PLACE_BITS)),
            ]
        return m

    def shift_out(self, x, places):
        """Leading zeros of x that were found by trying these `places`, and x without them."""
        found = 0
        for count in places:
            empty = ~x[-count:].any()
            found = found | Mux(empty, count, 0)
            x = Mux(empty, x << count, x)[:len(x)]
        return found, x
