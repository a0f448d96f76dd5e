"""The MatMul-free linear gated recurrent unit: what takes the place of attention."""

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from .arithmetic import saturate, shift_round
from .pipeline import Multiplier, Pipeline, handshake, tag_layout
from .sigmoid import Sigmoid


class MlgruLane(Component):
    """One element of the recurrence.

    forget     ---> sigmoid ---> x floor ---> round ---+ z
    candidate  ---> minus state ---> round, saturate --x ---> round ---> plus state ---> saturate
    cycle           1                2, 3          7    8 to 10          11              12

    Latency: 12 clocks. Takes four DSP blocks and one block RAM.

    Members
    -------
    advance : In(1)
        Enable of all registers.
    candidate, forget : In(signed(value_bits))
    floor : In(unsigned(floor_bits))
    state : In(signed(state_bits)), updated : Out(signed(state_bits))
    """

    LATENCY = Sigmoid.LATENCY + 2 + Multiplier.LATENCY + 2

    def __init__(self, formats=DEFAULT):
        self._formats = formats
        value, state = signed(formats.value_bits), signed(formats.state_bits)
        super().__init__({
            "advance": In(1),
            "candidate": In(value),
            "forget": In(value),
            "floor": In(unsigned(formats.floor_bits)),
            "state": In(state),
            "updated": Out(state),
        })

    def elaborate(self, platform):
        m = Module()
        f, p = self._formats, Pipeline(m, self.advance)
        lift = f.state_frac - f.value_frac
        m.submodules.sigmoid = sigmoid = Sigmoid(f, mirrored=True)
        m.submodules.multiplier = multiplier = Multiplier(
            self.candidate.shape(), unsigned(f.sigmoid_frac), f.sigmoid_frac - lift)
        m.d.comb += [sigmoid.advance.eq(self.advance), multiplier.advance.eq(self.advance)]

        # Cycle 1: how far the candidate is from the state
        distance = p.register((self.candidate << lift) - self.state, "distance")

        # Cycle 2: in the format of a value
        rounded = p.register(shift_round(distance, lift), "rounded")

        # Cycle 3: which bounds it
        difference = p.register(saturate(rounded, f.value_bits), "difference")

        # Cycles 1 to 5: the share of the state that is not kept, sigmoid(-forget)
        m.d.comb += sigmoid.a.eq(self.forget)
        floor = p.delay(self.floor, Sigmoid.LATENCY, "floor")

        # Cycle 6: times 1 - lower bound
        share = p.register(floor * sigmoid.y, "share")

        # Cycle 7: z = 1 - f
        z = p.register(shift_round(share, f.floor_bits)[:f.sigmoid_frac], "z")
        difference = p.delay(difference, 4, "difference")

        # Cycles 8 to 10: the step towards the candidate
        m.d.comb += [multiplier.x.eq(difference), multiplier.y.eq(z)]
        state = p.delay(self.state, 10, "state")

        # Cycle 11: taken
        stepped = p.register(state + multiplier.product, "stepped")

        # Cycle 12: within the state's range
        m.d.comb += self.updated.eq(p.register(saturate(stepped, f.state_bits), "bounded"))
        return m


class Mlgru(Component):
    """golden.mlgru: the recurrent state of one token, an element at a time.

    z      = round((1 - lower bound) * sigmoid(-forget))          1 - f of the paper
    state' = saturate(state + round((candidate - state) * z))     f * state + (1 - f) * candidate

    Latency: 12 clocks, accepted to valid; one beat a clock. While the beat at the end is not taken,
    nothing moves and nothing is accepted. No element depends on another of the same token, so the
    state of the last token only has to be back in its RAM before the next one begins.

    Parameters
    ----------
    config : Config
    formats : Formats

    Members
    -------
    i : In(stream of {candidate, forget, floors, state, tag})
        candidate, forget: signed(value_bits) x vector, the candidate after its SiLU; floors:
        unsigned(floor_bits) x vector, 1 - lower bound; state: signed(state_bits) x vector.
    o : Out(stream of {state, tag})
        state: signed(state_bits) x vector; `tag` (tag_layout) is that of the beat.
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
            "tag": tag_layout,
        })
        super().__init__({"i": In(stream.Signature(self.i_layout)),
                          "o": Out(stream.Signature(self.o_layout))})

    def elaborate(self, platform):
        m = Module()
        advance, _ = handshake(m, self.i, self.o, self.LATENCY)
        p = Pipeline(m, advance)
        for n in range(self._config.vector):
            m.submodules[f"lane_{n}"] = lane = MlgruLane(self._formats)
            m.d.comb += [
                lane.advance.eq(advance),
                lane.candidate.eq(self.i.payload.candidate[n]),
                lane.forget.eq(self.i.payload.forget[n]),
                lane.floor.eq(self.i.payload.floors[n]),
                lane.state.eq(self.i.payload.state[n]),
                self.o.payload.state[n].eq(lane.updated),
            ]
        m.d.comb += self.o.payload.tag.eq(p.delay(self.i.payload.tag, self.LATENCY, "tag"))
        return m
