"""The MatMul-free linear gated recurrent unit: what takes the place of attention."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from . import apart
from .arithmetic import saturate, shift_round
from .pipeline import Multiplier, Pipeline, handshake, tag_layout
from .sigmoid import Sigmoid


class MlgruLane(Component):
    """One element of the recurrence.

    forget     ---> sigmoid ---> x floor, round ---+ z
    candidate  ---> minus state ---> round, saturate --x ---> round ---> plus state ---> saturate
    cycle      1        2                3, 4    10 to 12                    13           14, 15

    Latency: 15 clocks.

    Members
    -------
    advance : In(1)
        Enable of all registers.
    fresh : In(1)
        As of Mlgru.
    candidate, forget : In(signed(value_bits))
    floor : In(unsigned(floor_bits))
    state : In(signed(state_bits)), updated : Out(signed(state_bits))
    value : Out(signed(value_bits))
        `updated` as a value.
    """

    LATENCY = Sigmoid.LATENCY + 2 * Multiplier.LATENCY + 3

    def __init__(self, formats=DEFAULT):
        self._formats = formats
        self._lift = formats.state_frac - formats.value_frac
        if formats.state_bits - self._lift < formats.value_bits:
            raise ValueError(f"MlgruLane: {formats}: a state must reach as far as a value")
        value, state = signed(formats.value_bits), signed(formats.state_bits)
        super().__init__({
            "advance": In(1), "fresh": In(1),
            "candidate": In(value),
            "forget": In(value),
            "floor": In(unsigned(formats.floor_bits)),
            "state": In(state),
            "updated": Out(state),
            "value": Out(value),
        })

    def elaborate(self, platform):
        m = Module()
        f, p, lift = self._formats, Pipeline(m, self.advance), self._lift
        # The register is plain, so that it can be that of the state's block RAM.
        state = Mux(self.fresh, 0, p.register(self.state, "state_in"))
        z = self._share(m, p)
        difference = self._difference(p, state)
        m.submodules.step = step = Multiplier(
            difference.shape(), z.shape(), f.sigmoid_frac - lift)

        # Cycles 10 to 12: the step towards the candidate
        m.d.comb += [step.advance.eq(self.advance), step.x.eq(difference), step.y.eq(z)]
        state = p.delay(state, self.LATENCY - 4, "state")

        # Cycle 13: taken
        stepped = p.register(state + step.product, "stepped")

        # Cycle 14: within the state's range; rounded to a value
        bounded = p.register(saturate(stepped, f.state_bits), "bounded")
        rounded = p.register(shift_round(stepped, lift), "value_rounded")

        # Cycle 15: within the value's range, which the state's contains
        m.d.comb += [
            self.updated.eq(p.register(bounded, "updated")),
            self.value.eq(p.register(saturate(rounded, f.value_bits), "value_bounded")),
        ]
        return m

    def _difference(self, p, state):
        """How far the candidate is from the state, as a value, when its share is known."""
        f, lift = self._formats, self._lift

        # Cycle 1: out of the block RAM; cycle 2: subtracted
        candidate = p.register(self.candidate, "candidate")
        distance = p.register((candidate << lift) - state, "distance")

        # Cycle 3: in the format of a value; cycle 4: which bounds it
        rounded = p.register(shift_round(distance, lift), "rounded")
        difference = p.register(saturate(rounded, f.value_bits), "difference")
        return p.delay(difference, Sigmoid.LATENCY + Multiplier.LATENCY - 4, "difference")

    def _share(self, m, p):
        """z = 1 - f, after 9 clocks."""
        f = self._formats
        m.submodules.sigmoid = sigmoid = Sigmoid(f, mirrored=True)
        m.submodules.share = share = Multiplier(
            signed(f.floor_bits + 1), unsigned(f.sigmoid_frac), f.floor_bits)
        m.d.comb += [sigmoid.advance.eq(self.advance), share.advance.eq(self.advance)]

        # Cycles 1 to 6: the share of the state that is not kept, sigmoid(-forget)
        m.d.comb += sigmoid.a.eq(self.forget)

        # Cycles 7 to 9: times 1 - lower bound
        m.d.comb += [share.x.eq(p.delay(self.floor, Sigmoid.LATENCY, "floor")),
                     share.y.eq(sigmoid.y)]
        return share.product[:f.sigmoid_frac]


class Mlgru(Component):
    """golden.mlgru: the recurrent state of one token, an element at a time.

    z      = round((1 - lower bound) * sigmoid(-forget))          1 - f of the paper
    state' = saturate(state + round((candidate - state) * z))     f * state + (1 - f) * candidate

    Latency: 15 clocks, accepted to valid; one beat a clock. While the beat at the end is not taken,
    nothing moves and nothing is accepted. No element depends on another of the same token, so the
    state of the last token only has to be back in its RAM before the next one begins.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : In(stream of {candidate, forget, floors, state, tag})
        candidate, forget: signed(value_bits) x vector, the candidate after its SiLU; floors:
        unsigned(floor_bits) x vector, 1 - lower bound; state: signed(state_bits) x vector.
    fresh : In(1)
        The state counts as zero; held from the clock before the first beat, and as long as there
        are beats inside.
    o : Out(stream of {state, values, tag})
        state: signed(state_bits) x vector; values: signed(value_bits) x vector, the state rounded
        and saturated to values; `tag` (tag_layout) is that of the beat.
    """

    LATENCY = MlgruLane.LATENCY

    def __init__(self, config):
        formats = config.formats
        self._config, self._formats = config, formats

        def vector(shape):
            return data.ArrayLayout(shape, config.vector)

        self.i_layout = data.StructLayout({
            "candidate": vector(signed(formats.value_bits)),
            "forget": vector(signed(formats.value_bits)),
            "floors": vector(unsigned(formats.floor_bits)),
            "state": vector(signed(formats.state_bits)),
            "tag": tag_layout,
        })
        self.o_layout = data.StructLayout({
            "state": vector(signed(formats.state_bits)),
            "values": vector(signed(formats.value_bits)),
            "tag": tag_layout,
        })
        super().__init__({"i": In(stream.Signature(self.i_layout)), "fresh": In(1),
                          "o": Out(stream.Signature(self.o_layout))})

    def elaborate(self, platform):
        m = Module()
        advance, _ = handshake(m, self.i, self.o, self.LATENCY)
        p = Pipeline(m, advance)
        fresh = Signal(name="fresh_held", attrs=apart.ATTRIBUTES)
        m.d.sync += fresh.eq(self.fresh)
        for n in range(self._config.vector):
            m.submodules[f"lane_{n}"] = lane = MlgruLane(self._formats)
            m.d.comb += [
                lane.advance.eq(advance), lane.fresh.eq(fresh),
                lane.candidate.eq(self.i.payload.candidate[n]),
                lane.forget.eq(self.i.payload.forget[n]),
                lane.floor.eq(self.i.payload.floors[n]),
                lane.state.eq(self.i.payload.state[n]),
                self.o.payload.state[n].eq(lane.updated),
                self.o.payload["values"][n].eq(lane.value),
            ]
        m.d.comb += self.o.payload.tag.eq(p.delay(self.i.payload.tag, self.LATENCY, "tag"))
        return m
