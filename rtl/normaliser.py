"""Block normalisation: a vector to mantissas, times two gains, with its maximum and sum."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .arithmetic import saturate, shift_round, tree
from .credit_queue import CreditQueue
from .pipeline import Multiplier, Pipeline
from .tape_decoder import norm_layout

MANTISSA = 6  # clocks from a pair to its mantissa


def summary_layout(config):
    """What the scalar unit hears of a norm: max|v|, sum of squares, exponent of the mantissas."""
    f = config.formats
    squares = 2 * (f.sum_mantissa_bits - 1) + (config.max_inner - 1).bit_length()
    least, most = 1 - f.mantissa_bits, f.element_bits - f.mantissa_bits
    # Fewer bits are dropped than a gain has, and no mantissa is the most negative code: so |v| has
    # a bit less than v, also where v was rounded down.
    return data.StructLayout({
        "largest": unsigned(f.code_input_bits - 1), "squares": unsigned(squares),
        "exponent": Shape.cast(range(least, most + 1))})


class Normaliser(Component):
    """golden.normalise: x times its gains, for the quantiser, the scalar unit and the floor RAM.

        mantissa = saturate(round(x / 2**exponent))      exponent = bits - (mantissa_bits - 1)
        v = mantissa * code_gain >> code_input_drop      largest = max|v|
        n = saturate(round(mantissa / 2**sum_drop))
        u = round(n * sum_gain / 2**(sum_gain_bits - 1))    squares = sum of u**2

    V elements a clock, ceil(length / V) beats a norm. Clocks, when nothing stalls:

        norm accepted -> first pair can be accepted      1
        pair accepted -> v valid                         latency, if no v waits
        pair accepted -> floors valid                    1
        last pair accepted -> summary valid              summary_latency
        last pair accepted -> next norm can be accepted  2

    The last pair of a norm is accepted from two clocks after the summary before was taken; so that
    one may wait while the next norm runs. A pair is accepted only if a queue before `v` has room
    for what becomes of it; so nothing ever stands, no enable runs through the multipliers, and a
    stalled `v` delays no summary of what was accepted.

    Members
    -------
    norms : In(stream of {source: 1, length: 16, repeat: 1, floors: 1})
        source: 0 residual RAM, 1 product RAM. repeat: keep the sum of squares of the norm before.
        floors: the lower slots of its pairs are no gains; only with repeat.
    pairs : In(stream of V x pair_bits)
        Lower slot: sum gain, signed, or floor; upper slot: code gain, signed; each in the low
        bits of its slot. Zero for the elements beyond `length`.
    source : Out(1), address : Out, x : In(V x signed(element_bits))
        RAM read port: `x` belongs to the address of the clock before.
    bits : In(range(element_bits))
        magnitude_bits of the vector in `source`: all elements have -2**bits <= x < 2**bits.
    v : Out(stream of {values: V x signed(code_input_bits), last: 1})
    floors : Out(stream of {values: V x floor_bits, address: 16})
    summaries : Out(stream of summary_layout(config))
    """

    to_queue = MANTISSA + Multiplier.LATENCY  # clocks from a pair to its v, which enters the queue
    latency = to_queue + CreditQueue.LATENCY

    def __init__(self, config):
        formats = config.formats
        if formats.code_input_drop >= formats.code_gain_bits:
            raise ValueError(f"Normaliser: {formats}: products lose more bits than a gain has")
        self.config, self.f = config, formats
        lanes = config.vector
        self.depth = config.max_inner // lanes
        self.levels = (lanes - 1).bit_length()
        # The product that becomes u is begun a clock before v is there.
        self.summary_latency = self.to_queue + 2 * Multiplier.LATENCY + 1 + self.levels
        pairs = data.ArrayLayout(unsigned(formats.pair_bits), lanes)
        super().__init__({
            "norms": In(stream.Signature(norm_layout)),
            "pairs": In(stream.Signature(pairs)),
            "source": Out(1), "address": Out(range(max(self.depth, 2))),
            "x": In(data.ArrayLayout(signed(formats.element_bits), lanes)),
            "bits": In(range(formats.element_bits)),
            "v": Out(stream.Signature(data.StructLayout(
                {"values": data.ArrayLayout(signed(formats.code_input_bits), lanes), "last": 1}))),
            "floors": Out(stream.Signature(data.StructLayout(
                {"values": data.ArrayLayout(unsigned(formats.floor_bits), lanes),
                 "address": 16}))),
            "summaries": Out(stream.Signature(summary_layout(config))),
        })

    def elaborate(self, platform):
        m = Module()
        self._build_queue(m)
        self._build_control(m)
        factors = self._build_products(m)
        squares = self._build_squares(m, factors)
        largest = self._build_largest(m)
        self._build_summary(m, squares, largest)
        return m

    def _build_queue(self, m):
        """What is made, on its way to `v`; nothing before it ever stands."""
        m.submodules.queue = queue = CreditQueue(self.v.payload.shape(), late=1)
        self.made, self.take, self.room = queue.i, queue.enters, queue.room
        connect(m, queue.o, flipped(self.v))

    def _build_control(self, m):
        """Cycle 0: takes a norm, then its pairs, and walks through the RAM."""
        lanes, norms, pairs = self.config.vector, self.norms, self.pairs
        running, repeat, floors, first, last = (
            Signal(name=n) for n in ("running", "repeat", "with_floors", "first", "last"))
        left = Signal(16)
        index = Signal.like(self.address)
        self.pending = pending = Signal()  # a summary is on its way or waits
        self.beat = Signal(data.StructLayout({"valid": 1, "first": 1, "last": 1, "repeat": 1}))
        take = self.take
        # A register, since it moves what is in many places: the next pair may come.
        go = Signal()
        still_running = Signal()
        still_last = Signal()
        m.d.sync += [running.eq(still_running), last.eq(still_last),
                     go.eq(still_running & self.room & ~(still_last & pending))]
        m.d.comb += [
            norms.ready.eq(~running & ~self.beat.valid),
            still_running.eq(Mux(running, ~(take & last), norms.valid & norms.ready)),
            still_last.eq(Mux(running, Mux(take, left <= 2 * lanes, last),
                              norms.payload.length <= lanes)),
            pairs.ready.eq(go & (self.floors.ready | ~self.floors.valid)),
            take.eq(pairs.valid & pairs.ready),
            self.address.eq(index),
        ]
        with m.If(~running):  # whatever is offered, which keeps `valid` out of the enables
            m.d.sync += [first.eq(1), index.eq(0), repeat.eq(norms.payload.repeat),
                         floors.eq(norms.payload.floors), left.eq(norms.payload.length)]
        with m.If(norms.valid & norms.ready):
            m.d.sync += self.source.eq(norms.payload.source)
        m.d.sync += [self.beat.valid.eq(take), self.beat.first.eq(first),
                     self.beat.last.eq(last), self.beat.repeat.eq(repeat)]
        with m.If(self.summaries.valid & self.summaries.ready):
            m.d.sync += pending.eq(0)
        self.exponent = Signal.like(self.summaries.payload.exponent)
        with m.If(take):
            m.d.sync += [index.eq(index + 1), first.eq(0), left.eq(left - lanes)]
            with m.If(last):
                m.d.sync += [pending.eq(1),
                             self.exponent.eq(self.bits - (self.f.mantissa_bits - 1))]
        self._build_floors(m, take & floors, index)

    def _build_floors(self, m, take, index):
        with m.If(self.floors.ready):
            m.d.sync += self.floors.valid.eq(0)
        with m.If(take):
            m.d.sync += self.floors.valid.eq(1)
        with m.If(self.floors.ready | ~self.floors.valid):  # with or without one
            m.d.sync += self.floors.payload.address.eq(index)
            for lane in range(self.config.vector):
                m.d.sync += self.floors.payload.values[lane].eq(
                    self.pairs.payload[lane][:self.f.floor_bits])

    def _build_products(self, m):
        """Mantissas, and v. Returns the factors of each u, as they are when their beat enters v."""
        f = self.f
        pipe = Pipeline(m, Const(1))
        # Cycle 0
        left = Signal(range(f.element_bits))  # x is shifted that far
        m.d.comb += left.eq(f.element_bits - 1 - self.bits)
        places = pipe.register(left, "places_1")
        # Cycle 1
        places = pipe.register(places, "places_2")
        fine = pipe.register(places[:3], "fine_places")
        factors = []
        for lane in range(self.config.vector):
            # Cycle 1
            x = pipe.register(self.x[lane], f"x_{lane}")
            # Cycles 2 and 3: to the top, in two steps
            x = pipe.register((x << Cat(Const(0, 3), places[3:]))[:len(x)], f"x_coarse_{lane}")
            x = pipe.register((x << fine)[:len(x)].as_signed(), f"x_fine_{lane}")
            # Cycle 4
            x = pipe.register(shift_round(x, len(x) - f.mantissa_bits), f"rounded_{lane}")
            # Cycle 5
            mantissa = pipe.register(saturate(x, f.mantissa_bits), f"mantissa_{lane}")
            factors.append(self._build_lane(m, pipe, lane, mantissa))
        beat = self.beat
        for cycle in range(1, self.to_queue):
            beat = self._next_beat(m, beat, f"beat_{cycle + 1}")
        m.d.comb += [self.made.valid.eq(beat.valid), self.made.payload.last.eq(beat.last)]
        self.entered = beat
        return factors

    def _build_lane(self, m, pipe, lane, mantissa):
        f, pair = self.f, self.pairs.payload[lane]
        sum_gain = pair[:f.sum_gain_bits].as_signed()
        code_gain = pair[f.slot_bits:f.slot_bits + f.code_gain_bits].as_signed()
        # Cycles 6 to 8
        code_gain = pipe.delay(code_gain, MANTISSA, f"code_gain_{lane}")
        product = self._multiply(m, f"v_multiplier_{lane}", mantissa, code_gain)
        m.d.comb += self.made.payload["values"][lane].eq(product >> f.code_input_drop)
        # Cycles 6 and 7, for the sum of squares
        n = pipe.register(shift_round(mantissa, f.sum_drop), f"n_rounded_{lane}")
        n = pipe.register(saturate(n, f.sum_mantissa_bits), f"n_{lane}")
        return n, pipe.delay(sum_gain, self.to_queue - 1, f"sum_gain_{lane}")

    def _multiply(self, m, name, x, y, places=0):
        """The rounded product of two registers, Multiplier.LATENCY clocks later."""
        m.submodules[name] = multiplier = Multiplier(x.shape(), y.shape(), places)
        m.d.comb += [multiplier.advance.eq(1), multiplier.x.eq(x), multiplier.y.eq(y)]
        return multiplier.product

    def _next_beat(self, m, beat, name):
        after = Signal.like(self.beat, name=name)
        m.d.sync += after.eq(beat)
        return after

    def _build_squares(self, m, factors):
        """Cycles 8 to 13 and the tree: sum of squares of a beat. Nothing here ever stands."""
        f, pipe = self.f, Pipeline(m, Const(1))
        squares = []
        for lane, (n, sum_gain) in enumerate(factors):
            # Cycles 8 to 10: no gain is above 1, so that u needs no saturation
            product = self._multiply(m, f"u_multiplier_{lane}", n, sum_gain,
                                     f.sum_gain_bits - 1)
            u = product[:f.sum_mantissa_bits].as_signed()
            # Cycles 11 to 13
            square = self._multiply(m, f"square_multiplier_{lane}", u, u)
            squares.append(square[:2 * (f.sum_mantissa_bits - 1)])
        # Cycles 14 to 13 + levels
        return tree(pipe, squares, lambda a, b: a + b, "squares")

    def _build_largest(self, m):
        """Cycle 9 and the tree, then as late as the sum of squares: largest |v| of a beat."""
        pipe = Pipeline(m, Const(1))
        magnitudes = []
        for lane in range(self.config.vector):
            v = self.made.payload["values"][lane]
            magnitudes.append(pipe.register(Mux(v < 0, -v, v)[:self.f.code_input_bits - 1],
                                            f"magnitude_{lane}"))
        largest = tree(pipe, magnitudes, lambda a, b: Mux(a > b, a, b), "largest")
        return pipe.delay(largest, 2 * Multiplier.LATENCY - 2, "largest_late")

    def _build_summary(self, m, squares, largest):
        beat = self.entered
        summary = Signal.like(self.summaries.payload)
        for cycle in range(2 * Multiplier.LATENCY - 1 + self.levels):
            coming, beat = beat, self._next_beat(m, beat, f"beat_{self.to_queue + 1 + cycle}")
        # Cycle 14 + levels. Two clocks at least lie between two norms: clearing loses no beat.
        done = Signal()
        m.d.sync += done.eq(beat.valid & beat.last)
        adds = Signal()
        m.d.sync += adds.eq(coming.valid & ~coming.repeat)
        with m.If(beat.valid & (largest > summary.largest)):
            m.d.sync += summary.largest.eq(largest)
        with m.If(adds):
            m.d.sync += summary.squares.eq(summary.squares + squares)
        with m.If(coming.valid & coming.first):
            m.d.sync += summary.largest.eq(0)
            with m.If(~coming.repeat):
                m.d.sync += summary.squares.eq(0)
        # Cycle 15 + levels
        with m.If(self.summaries.ready):
            m.d.sync += self.summaries.valid.eq(0)
        with m.If(done):
            m.d.sync += [self.summaries.valid.eq(1), self.summaries.payload.eq(summary),
                         self.summaries.payload.exponent.eq(self.exponent)]
