"""Block normalisation: a vector to 18-bit mantissas, times two gains, with its maximum and sum."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from .arithmetic import saturate, shift_round
from .pipeline import Pipeline
from .tape_decoder import norm_layout

MANTISSA = 6  # clocks from a pair to its mantissa


def summary_layout(config):
    """What the scalar unit hears of a norm: max|v|, sum of squares, exponent of the mantissas."""
    f = config.formats
    # What was dropped is less than a gain, and no mantissa is the most negative code: so |v| has
    # a bit less than v, also where v was rounded down.
    largest = f.code_input_bits - 1
    squares = 2 * (f.sum_mantissa_bits - 1) + (config.max_inner - 1).bit_length()
    least, most = 1 - f.mantissa_bits, f.element_bits - f.mantissa_bits
    return data.StructLayout({"largest": unsigned(largest), "squares": unsigned(squares),
                              "exponent": Shape.cast(range(least, most + 1))})


def tree(pipe, values, function, name):
    """`function` of all `values`, two at a time, with a register behind each of its levels."""
    level = 0
    while len(values) > 1:
        level += 1
        pairs = [values[n:n + 2] for n in range(0, len(values), 2)]
        values = [pipe.register(function(*pair) if len(pair) == 2 else pair[0],
                                f"{name}_{level}_{n}") for n, pair in enumerate(pairs)]
    return values[0]


class Normaliser(Component):
    """golden.normalise: x times its gains, for the quantiser, the scalar unit and the floor RAM.

        mantissa = saturate(round(x / 2**exponent), 18)         exponent = bits - 17
        v = mantissa * code_gain                                largest = max|v|
        u = round(mantissa * sum_gain / 2**15)                  squares = sum of u**2

    V elements a clock, ceil(length / V) beats a norm. Clocks, when nothing stalls:

        norm accepted -> first pair can be accepted      1
        pair accepted -> v valid                         latency
        pair accepted -> floors valid                    1
        last pair accepted -> summary valid              summary_latency
        last pair accepted -> next norm can be accepted  2, once the pipeline moves

    The last pair of a norm is accepted from the clock after the summary before was taken; so that
    one may wait while the next norm runs. A stalled `v` delays no summary of what has entered it.

    Members
    -------
    norms : In(stream of {source: 1, length: 16, repeat: 1, floors: 1})
        source: 0 residual RAM, 1 product RAM. repeat: keep the sum of squares of the norm before.
        floors: the lower halves of its pairs are no gains; only with repeat.
    pairs : In(stream of V x 32)
        Bits 0..15 sum gain, signed, or floor; bits 16..31 code gain, signed.
        Zero for the elements beyond `length`.
    source : Out(1), address : Out, x : In(V x signed(32))
        RAM read port: `x` belongs to the address of the clock before.
    bits : In(6)
        magnitude_bits of the vector in `source`: all elements have -2**bits <= x < 2**bits.
    v : Out(stream of {values: V x signed(33), last: 1})
    floors : Out(stream of {values: V x 16, address: 16})
    summaries : Out(stream of {largest: 33, squares: 48, exponent: signed(6)})
    """

    latency = 1 + MANTISSA

    def __init__(self, config):
        if (formats.mantissa_bits, formats.gain_bits, formats.residual_bits,
                formats.product_bits) != (18, 16, ELEMENT_BITS, ELEMENT_BITS):
            raise ValueError(f"Normaliser: {formats}: built for mantissas of 18 bits, gains of 16 "
                             f"and elements of {ELEMENT_BITS}")
        formats = config.formats
        self.config, self.f = config, formats
        lanes = config.vector
        self.depth = config.max_inner // lanes
        self.levels = (lanes - 1).bit_length()
        self.summary_latency = self.latency + 5 + self.levels
        pairs = data.ArrayLayout(unsigned(2 * formats.gain_bits), lanes)
        super().__init__({
            "norms": In(stream.Signature(norm_layout)),
            "pairs": In(stream.Signature(pairs)),
            "source": Out(1), "address": Out(range(max(self.depth, 2))),
            "x": In(data.ArrayLayout(signed(ELEMENT_BITS), lanes)), "bits": In(range(formats.element_bits)),
            "v": Out(stream.Signature(data.StructLayout(
                {"values": data.ArrayLayout(signed(LARGEST_BITS), lanes), "last": 1}))),
            "floors": Out(stream.Signature(data.StructLayout(
                {"values": data.ArrayLayout(unsigned(formats.floor_bits), lanes),
                 "address": 16}))),
            "summaries": Out(stream.Signature(summary_layout)),
        })

    def elaborate(self, platform):
        m = Module()
        self.advance = Signal()  # of the stages up to v; what comes after always moves
        m.d.comb += self.advance.eq(self.v.ready | ~self.v.valid)
        self._build_control(m)
        products = self._build_products(m)
        squares = self._build_squares(m, products)
        largest = self._build_largest(m)
        self._build_summary(m, squares, largest)
        return m

    def _build_control(self, m):
        """Cycle 0: takes a norm, then its pairs, and walks through the RAM."""
        lanes, norms, pairs = self.config.vector, self.norms, self.pairs
        running, repeat, floors, first, last = (
            Signal(name=n) for n in ("running", "repeat", "with_floors", "first", "last"))
        left = Signal(16)
        index, index_before = Signal.like(self.address), Signal.like(self.address)
        self.pending = pending = Signal()  # a summary is on its way or waits
        self.beat = Signal(data.StructLayout({"valid": 1, "first": 1, "last": 1, "repeat": 1}))
        take = Signal()
        m.d.comb += [
            norms.ready.eq(~running & ~self.beat.valid),
            pairs.ready.eq(running & self.advance & ~(last & pending)
                           & (self.floors.ready | ~self.floors.valid)),
            take.eq(pairs.valid & pairs.ready),
            # The RAM does not stop: a stalled stage asks again for what it waits with.
            self.address.eq(Mux(self.advance, index, index_before)),
        ]
        with m.If(~running):  # whatever is offered, which keeps `valid` out of the enables
            m.d.sync += [first.eq(1), index.eq(0), repeat.eq(norms.payload.repeat),
                         floors.eq(norms.payload.floors), left.eq(norms.payload.length),
                         last.eq(norms.payload.length <= lanes)]
        with m.If(norms.valid & norms.ready):
            m.d.sync += [running.eq(1), self.source.eq(norms.payload.source)]
        with m.If(self.advance):
            m.d.sync += [self.beat.valid.eq(take), self.beat.first.eq(first),
                         self.beat.last.eq(last), self.beat.repeat.eq(repeat),
                         index_before.eq(index)]
        with m.If(self.summaries.valid & self.summaries.ready):
            m.d.sync += pending.eq(0)
        self.exponent = Signal(signed(6))
        with m.If(take):
            m.d.sync += [index.eq(index + 1), first.eq(0), left.eq(left - lanes),
                         last.eq(left <= 2 * lanes), running.eq(~last)]
            with m.If(last):
                m.d.sync += [pending.eq(1),
                             self.exponent.eq(self.bits - (self.f.mantissa_bits - 1))]
        self._build_floors(m, take & floors, index)

    def _build_floors(self, m, take, index):
        with m.If(self.floors.ready):
            m.d.sync += self.floors.valid.eq(0)
        with m.If(take):
            m.d.sync += [self.floors.valid.eq(1), self.floors.payload.address.eq(index)]
            for lane in range(self.config.vector):
                m.d.sync += self.floors.payload.values[lane].eq(
                    self.pairs.payload[lane][:self.f.floor_bits])

    def _build_products(self, m):
        """Mantissas, times both gains. Returns the products for the sum of squares."""
        f = self.f
        pipe = Pipeline(m, self.advance)
        # Cycle 0
        places = pipe.register(~self.bits[:5], "places_1")  # 31 - bits, to the left
        # Cycle 1
        places = pipe.register(places, "places_2")
        fine = pipe.register(places[:3], "fine_places")
        products = []
        for lane in range(self.config.vector):
            # Cycle 1
            x = pipe.register(self.x[lane], f"x_{lane}")
            # Cycles 2 and 3: to 32 bits, in two steps
            x = pipe.register((x << Cat(Const(0, 3), places[3:]))[:ELEMENT_BITS],
                              f"x_coarse_{lane}")
            x = pipe.register((x << fine)[:ELEMENT_BITS].as_signed(), f"x_fine_{lane}")
            # Cycle 4
            x = pipe.register(shift_round(x, ELEMENT_BITS - f.mantissa_bits), f"rounded_{lane}")
            # Cycle 5
            mantissa = pipe.register(saturate(x, f.mantissa_bits), f"mantissa_{lane}")
            pair = pipe.delay(self.pairs.payload[lane], MANTISSA, f"pair_{lane}")
            # Cycle 6
            sum_gain, code_gain = pair[:f.gain_bits], pair[f.gain_bits:]
            products.append(pipe.register(mantissa * sum_gain.as_signed(), f"product_{lane}"))
            with m.If(self.advance):
                m.d.sync += self.v.payload.values[lane].eq(mantissa * code_gain.as_signed())
        beat = self.beat
        for cycle in range(1, MANTISSA):
            beat = self._next_beat(m, beat, self.advance, f"beat_{cycle + 1}")
        with m.If(self.advance):
            m.d.sync += [self.v.valid.eq(beat.valid), self.v.payload.last.eq(beat.last)]
        # A beat counts once, in the clock after it has entered v, however long it waits there.
        self.entered = Signal.like(self.beat)
        m.d.sync += [self.entered.eq(beat), self.entered.valid.eq(beat.valid & self.advance)]
        return products

    def _next_beat(self, m, beat, advance, name):
        after = Signal.like(self.beat, name=name)
        with m.If(advance):
            m.d.sync += after.eq(beat)
        return after

    def _build_squares(self, m, products):
        """Cycles 7 to 9 and the tree: sum of squares of a beat."""
        f, pipe = self.f, Pipeline(m, Const(1))
        squares = []
        for lane, product in enumerate(products):
            # Cycle 7: no gain is above 1, so that u is within its bits and needs no saturation
            u = shift_round(product, f.gain_bits - 1)[:f.mantissa_bits].as_signed()
            u = pipe.register(u, f"u_{lane}")
            # Cycles 8 and 9: two registers for the multiplier, which has them inside
            square = pipe.delay((u * u).as_unsigned(), 2, f"square_{lane}")
            squares.append(square[:2 * f.mantissa_bits - 2])
        # Cycles 10 to 9 + levels
        return tree(pipe, squares, lambda a, b: a + b, "squares")

    def _build_largest(self, m):
        """Cycle 7 and the tree, then as late as the sum of squares: largest |v| of a beat."""
        pipe = Pipeline(m, Const(1))
        magnitudes = []
        for lane in range(self.config.vector):
            v = self.v.payload.values[lane]
            magnitudes.append(pipe.register(Mux(v < 0, -v, v)[:LARGEST_BITS],
                                            f"magnitude_{lane}"))
        largest = tree(pipe, magnitudes, lambda a, b: Mux(a > b, a, b), "largest")
        return pipe.delay(largest, 2, "largest_late")

    def _build_summary(self, m, squares, largest):
        beat, summary = self.entered, Signal(summary_layout)
        for cycle in range(3 + self.levels):
            coming, beat = beat, self._next_beat(m, beat, 1, f"beat_{self.latency + 1 + cycle}")
        # Cycle 10 + levels. Two clocks at least lie between two norms: clearing loses no beat.
        done = Signal()
        m.d.sync += done.eq(beat.valid & beat.last)
        with m.If(beat.valid & (largest > summary.largest)):
            m.d.sync += summary.largest.eq(largest)
        with m.If(beat.valid & ~beat.repeat):
            m.d.sync += summary.squares.eq(summary.squares + squares)
        with m.If(coming.valid & coming.first):
            m.d.sync += summary.largest.eq(0)
            with m.If(~coming.repeat):
                m.d.sync += summary.squares.eq(0)
        # Cycle 11 + levels
        with m.If(self.summaries.ready):
            m.d.sync += self.summaries.valid.eq(0)
        with m.If(done):
            m.d.sync += [self.summaries.valid.eq(1), self.summaries.payload.eq(summary),
                         self.summaries.payload.exponent.eq(self.exponent)]
