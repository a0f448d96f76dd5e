"""From the sums of a matrix to fixed point."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.formats import DEFAULT
from ..common.tape import Function
from .arithmetic import saturate
from .credit_queue import CreditQueue
from .pipeline import Multiplier, Pipeline
from .scalar_unit import scale_layout

LEFT, RIGHT = 8, 54  # places by which a product may have to be shifted


def formats_of(formats):
    """{function: (bits, fraction bits)} of a matrix's outputs."""
    value = formats.value_bits, formats.value_frac
    return {
        Function.CANDIDATE: value,
        Function.FORGET: value,
        Function.PRODUCT: value,
        Function.RESIDUAL: (formats.residual_bits, formats.residual_frac),
        Function.LOGITS: (formats.logit_bits, formats.logit_frac),
    }


def scaled_shape(formats):
    """Shape of an output of Scale, whatever its function."""
    return signed(max(bits for bits, _ in formats_of(formats).values()))


class ScaleLane(Component):
    """One element: y = saturate(round((sum * mantissa << 8) / 2**shift)).

    Latency: 8 clocks. Takes a DSP block for each pair of operands of sum and mantissa.

    Members
    -------
    sum : In(signed(accumulator_bits)), mantissa : In(scale_bits)
        Straight from registers.
    shift : In(range(63))
        3 clocks after its sum.
    function : In(3)
        7 clocks after its sum.
    y : Out(scaled_shape(formats))
    """

    LATENCY = Multiplier.LATENCY + 5

    def __init__(self, sum_shape, formats=DEFAULT):
        self._formats = formats
        super().__init__({
            "sum": In(sum_shape),
            "mantissa": In(unsigned(formats.scale_bits)),
            "shift": In(range(LEFT + RIGHT + 1)),
            "function": In(3),
            "y": Out(scaled_shape(formats)),
        })

    def elaborate(self, platform):
        m = Module()
        p = Pipeline(m, Const(1))
        m.submodules.multiplier = multiplier = Multiplier(self.sum.shape(), self.mantissa.shape())

        # Cycles 1 to 3: the product
        m.d.comb += [
            multiplier.advance.eq(1),
            multiplier.x.eq(self.sum),
            multiplier.y.eq(self.mantissa),
        ]

        # Cycle 4: shift by multiples of 8, keeping one bit more than the result for its rounding
        coarse = p.register((multiplier.product << LEFT + 1) >> (self.shift[3:] << 3), "coarse")
        fine_shift = p.register(self.shift[:3], "fine_shift")

        # Cycle 5: shift by the rest
        fine = p.register(coarse >> fine_shift, "fine")

        # Cycle 6: round halves up; a shift by nothing has left a zero there
        rounded = p.register((fine >> 1) + fine[0], "rounded")

        # Cycle 7: the range of each format
        formats = formats_of(self._formats)
        limited = {bits: p.register(saturate(rounded, bits), f"limited_{bits}")
                   for bits in sorted({bits for bits, _ in formats.values()})}

        # Cycle 8: the format of its function
        chosen = Signal.like(self.y)
        with m.Switch(self.function):
            for function, (bits, _) in formats.items():
                with m.Case(function):
                    m.d.comb += chosen.eq(limited[bits])
        m.d.comb += self.y.eq(p.register(chosen, "y_8"))
        return m


class Scale(Component):
    """golden.scale: sums of the ternary array times the scale of their matrix.

    places = clip(-(exponent + frac), -8, 54)
    value  = saturate(round(sum * mantissa / 2**places), bits)

    `bits` and `frac` are those of a value for CANDIDATE, FORGET and PRODUCT, of the residual for
    RESIDUAL and of a logit for LOGITS.

    Latency: 10 clocks, accepted to valid; one beat a clock. Beats that are not taken wait in a
    CreditQueue, which has room for all that were accepted: nothing before it ever stands.

    Parameters
    ----------
    config : Config

    Members
    -------
    sums : In(stream of {values, function, first, last, release})
        values: signed(accumulator_bits) x vector; function: 3 (common.tape.Function); `first` and
        `last` mark the beats at the ends of a matrix, `release` all beats of the last matrix of a
        scale. Wait while there is no scale.
    scales : In(stream of scale_layout(formats))
        Taken together with the beat that is `last` and `release`.
    scaled : Out(stream of {values: scaled_shape(formats) x vector, function: 3, first, last})
    """

    to_queue = 1 + ScaleLane.LATENCY
    LATENCY = to_queue + CreditQueue.LATENCY

    def __init__(self, config):
        formats = config.formats
        self._config, self._formats = config, formats
        self._sum_shape = signed(config.accumulator_bits)
        self.sums_layout = data.StructLayout({
            "values": data.ArrayLayout(self._sum_shape, config.vector),
            "function": 3, "first": 1, "last": 1, "release": 1,
        })
        self.scaled_layout = data.StructLayout({
            "values": data.ArrayLayout(scaled_shape(formats), config.vector),
            "function": 3, "first": 1, "last": 1,
        })
        super().__init__({
            "sums": In(stream.Signature(self.sums_layout)),
            "scales": In(stream.Signature(scale_layout(formats))),
            "scaled": Out(stream.Signature(self.scaled_layout)),
        })

    def _shift(self, m, p, function, exponent):
        """places + 8, after two clocks."""
        fracs = {case: frac for case, (_, frac) in formats_of(self._formats).items()}
        frac = Signal(range(max(fracs.values()) + 1))
        with m.Switch(function):
            for case, places in fracs.items():
                with m.Case(case):
                    m.d.comb += frac.eq(places)

        # Cycle 1: not limited
        shift = p.register(LEFT - frac - exponent, "shift_1")

        # Cycle 2: limited
        limit = LEFT + RIGHT
        return p.register(Mux(shift < 0, 0, Mux(shift > limit, limit, shift))[:6], "shift_2")

    def elaborate(self, platform):
        m = Module()
        sums, scale = self.sums.payload, self.scales.payload
        m.submodules.queue = queue = CreditQueue(self.scaled_layout)
        connect(m, queue.o, flipped(self.scaled))
        made, scaled = queue.i, queue.i.payload
        p = Pipeline(m, Const(1))
        valid = Signal(self.to_queue)
        m.d.comb += [
            queue.enters.eq(self.sums.valid & self.scales.valid & queue.room),
            self.sums.ready.eq(queue.room & self.scales.valid),
            self.scales.ready.eq(queue.room & self.sums.valid & sums.last & sums.release),
            made.valid.eq(valid[-1]),
        ]
        m.d.sync += valid.eq(Cat(queue.enters, valid))

        # Cycle 1: inputs of the multipliers
        mantissa = p.register(scale.mantissa, "mantissa")
        shift = self._shift(m, p, sums.function, scale.exponent)

        # Cycles 2 to 9: the lanes
        shift = p.delay(shift, 2, "shift_held")
        function = p.delay(sums.function, self.to_queue - 1, "function")
        for n in range(self._config.vector):
            m.submodules[f"lane_{n}"] = lane = ScaleLane(self._sum_shape, self._formats)
            m.d.comb += [
                lane.sum.eq(p.register(sums.values[n], f"sum_{n}")),
                lane.mantissa.eq(mantissa),
                lane.shift.eq(shift),
                lane.function.eq(function),
                scaled["values"][n].eq(lane.y),
            ]
        m.d.comb += [
            scaled.function.eq(p.register(function, "function_out")),
            scaled.first.eq(p.delay(sums.first, self.to_queue, "first")),
            scaled.last.eq(p.delay(sums.last, self.to_queue, "last")),
        ]
        return m
