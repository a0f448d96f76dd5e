"""The scalars of one norm: 127 / max|v| for the quantiser, and the scale of the matrix outputs."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from ..common.tape import EXPONENT_BITS
from .divider import Divider
from .normaliser import summary_layout
from .root import Root
from .shifter import BitLength, Shifter
from .tape_decoder import constants_layout

BIG = 62  # bits of the sum of squares; golden.BIG
LARGEST_BITS = 33
ENERGY_BITS = 43
SCALE_BITS = 17
RADICAND_BITS = 2 * SCALE_BITS
QUOTIENT_BITS = SCALE_BITS + 3  # factor, top below 2**17, root at least 2**16, two bits to spare
ONE_BITS = 26  # fraction bits of the reciprocal
LEVELS = 127


def job_layout(formats):
    """Of the quantiser: by how much and what a vector is multiplied."""
    lowest = 1 - formats.mantissa_bits  # of a largest element of 0
    return data.StructLayout({
        "code_shift": Shape.cast(range(lowest, lowest + formats.code_input_bits + 1)),
        "reciprocal": unsigned(formats.reciprocal_bits)})


def scale_layout(formats):
    """Of Scale: mantissa * 2**exponent, what a matrix's sums are multiplied by."""
    return data.StructLayout({"mantissa": unsigned(formats.scale_bits),
                              "exponent": signed(EXPONENT_BITS)})


class ScalarUnit(Component):
    """golden.scalars: (largest, squares, exponent) of a norm -> job and scale of its matrix.

        top = largest to 17 bits                    code_shift = bits of largest - 17
        reciprocal = 127 * 2**26 / top
        total = squares + (energy_mantissa * energy * 2**energy_exponent
                           + constant_mantissa * 2**constant_exponent) / 4**exponent
        scale = factor * top / sqrt(total)          the root to 17 bits of its own exponent `half`

    One norm at a time, in fixed numbers of clocks whatever the operands:

        constants accepted -> a summary can be accepted     PREPARE
        summary accepted -> jobs.valid                      RECIPROCAL
        summary accepted -> scales.valid                    SCALE, if `scales` was empty
        summary accepted -> constants can be accepted       SCALE

    A summary also waits until the job before has been taken. `SCALES` scales may wait to be taken;
    if as many do, the unit keeps the next one, and takes no constants, until one goes.

    Members
    -------
    constants : In(stream of {factor, energy, constant: each _mantissa 17, _exponent signed 10})
    energy : In(43)
        Read when constants are accepted.
    summaries : In(stream of {largest, squares, exponent})
    jobs : Out(stream of {code_shift: signed(6), reciprocal: 17})
    scales : Out(stream of {mantissa: 17, exponent: signed(10)})
        mantissa * 2**exponent; the exponent has to fit.
    """

    PREPARE = 23
    RECIPROCAL = 27
    SCALE = 51
    SCALES = 4

    def __init__(self, config):
        if (formats.scale_bits, formats.mantissa_bits) != (SCALE_BITS, SCALE_BITS + 1):
            raise ValueError(f"ScalarUnit: {formats}: built for scale_bits=17, mantissa_bits=18")
        formats = config.formats
        self.config, self.formats = config, formats
        super().__init__({
            "constants": In(stream.Signature(constants_layout)), "energy": In(ENERGY_BITS),
            "summaries": In(stream.Signature(summary_layout)),
            "jobs": Out(stream.Signature(job_layout)),
            "scales": Out(stream.Signature(scale_layout)),
        })

    def elaborate(self, platform):
        m = Module()
        self.step = step = Signal(range(self.SCALE))  # clocks since constants or summary came
        self._build_units(m)
        with m.If(self.jobs.ready):
            m.d.sync += self.jobs.valid.eq(0)

        with m.FSM(name="state") as fsm:
            self._build_shifts(m, fsm)
            with m.State("CONSTANTS"):
                m.d.comb += self.constants.ready.eq(1)
                m.d.sync += step.eq(1)
                with m.If(self.constants.valid):
                    self._take_constants(m)
                    m.next = "PREPARE"
            with m.State("PREPARE"):
                m.d.sync += step.eq(step + 1)
                self._prepare(m)
                with m.If(step == self.PREPARE - 1):
                    m.next = "SUMMARY"
            with m.State("SUMMARY"):
                m.d.comb += self.summaries.ready.eq(~self.jobs.valid)
                m.d.sync += step.eq(1)
                with m.If(self.summaries.valid & self.summaries.ready):
                    self._take_summary(m)
                    m.next = "SCALE"
            with m.State("SCALE"):
                self._scale(m)
                with m.If(step != self.SCALE - 1):
                    m.d.sync += step.eq(step + 1)
                with m.Else():
                    m.d.comb += self.queue.w_en.eq(1)
                    with m.If(self.queue.w_rdy):
                        m.next = "CONSTANTS"
        return m

    def _build_units(self, m):
        """What computes, shared by all steps; none of it minds what it does in between."""
        m.submodules.shifter = self.shifter = shifter = Shifter(BIG)
        m.submodules.length = self.length = BitLength(BIG)
        m.submodules.root = self.root = Root(SCALE_BITS)
        m.submodules.divider = self.divider = Divider(SCALE_BITS, QUOTIENT_BITS)
        m.submodules.queue = self.queue = SyncFIFO(width=scale_layout.size, depth=self.SCALES)
        self.low, self.high = Signal(SCALE_BITS), Signal(ENERGY_BITS)  # of mantissa * energy
        self.multiplicand = Signal(ENERGY_BITS)
        self.small = Signal(BIG + 1)
        self.shifted = Signal(BIG)  # all ones on overflow
        self.top = Signal(SCALE_BITS)
        self.dividend = Signal(2 * SCALE_BITS + 2)
        self.constant = Signal(constants_layout)
        self.summary = Signal(summary_layout)
        self.measure = Signal(2)  # what goes into `length`: largest, clipped total, or dividend
        self.clipped = Signal(BIG)
        product = Signal(2 * SCALE_BITS)
        m.d.sync += [product.eq(self.constant.factor_mantissa * self.top), self.measure.eq(0)]
        m.d.comb += self.length.x.eq(Mux(self.measure[0], self.summary.largest, Mux(
            self.measure[1], self.clipped, self.dividend)))
        self.total = Signal(BIG + 1)
        self.scaling = Signal()  # the divider works on the scale, no more on the reciprocal
        self.at = {}  # it is that step
        for step in (3, 7, 8, 11, 18, 29):
            self.at[step] = Signal(name=f"at_{step}")
            m.d.sync += self.at[step].eq(self.step == step - 1)
        self._build_serial(m)
        m.d.comb += [
            self.clipped.eq(self.total[:BIG] | self.total[BIG].replicate(BIG)),
            self.shifted.eq(shifter.y | shifter.overflow.replicate(BIG)),
            self.dividend.eq(product << 2),
            self.scales.valid.eq(self.queue.r_rdy),
            self.scales.payload.as_value().eq(self.queue.r_data),
            self.queue.r_en.eq(self.scales.ready),
        ]

    def _build_serial(self, m):
        """Root and divider. The upper 3 bits of the reciprocal are 0: it starts behind them."""
        root, divider = self.root, self.divider
        one = Const(LEVELS << ONE_BITS + 3, 2 * SCALE_BITS + 3)
        m.d.comb += [
            root.start.eq(self.at[11]), root.radicand.eq(self.shifted),
            divider.start.eq(self.at[8] | self.at[29]),
            divider.divisor.eq(Mux(self.scaling, root.root, self.top)),
            Cat(divider.low, divider.high).eq(Mux(self.scaling, self.dividend, one)),
        ]

    def _build_shifts(self, m, fsm):
        """Operands of the shifter: `shifted` is right 1 + Shifter.LATENCY clocks after the choice.

        Every clock loads something, and what to load is known one clock ahead, which keeps the
        states out of the way. In between it does not matter what is shifted.
        """
        at = self.at
        length = self.length.length
        # An even number of places, to 33 or 34 bits
        even = Cat(Const(0, 1), (RADICAND_BITS - length)[1:]).as_signed()
        choices = [(at[3], self.summary.largest, LARGEST_BITS - length),
                   (at[7], self.clipped, even),
                   (at[18], Cat(self.low, self.high), self.constant.energy_exponent),
                   (fsm.ongoing("SUMMARY"), self.small, -(self.summaries.payload.exponent << 1))]
        operand = self.constants.payload.constant_mantissa
        places = self.constants.payload.constant_exponent
        for chosen, some_operand, some_places in reversed(choices):
            operand = Mux(chosen, some_operand, operand)
            places = Mux(chosen, some_places, places)
        m.d.sync += [self.shifter.x.eq(operand), self.shifter.places.eq(places)]

    def _take_constants(self, m):
        constants = self.constants.payload
        m.d.sync += [self.constant.eq(constants), self.multiplicand.eq(self.energy),
                     self.low.eq(constants.energy_mantissa), self.high.eq(0)]

    def _prepare(self, m):
        """small = energy and constant terms of the sum of squares, in units of the input's bit."""
        step = self.step
        # Cycles 1 to 17: multiply, from the low bit of the mantissa
        total = Signal(ENERGY_BITS + 1)
        m.d.comb += total.eq(self.high + Mux(self.low[0], self.multiplicand, 0))
        with m.If(step <= SCALE_BITS):
            m.d.sync += Cat(self.low, self.high).eq(Cat(self.low[1:], total))
        # Cycle 4
        with m.If(step == 4):
            m.d.sync += self.small.eq(self.shifted)
        # Cycle 22
        with m.If(step == 22):
            m.d.sync += self.small.eq(self.small + self.shifted)

    def _take_summary(self, m):
        m.d.sync += [self.summary.eq(self.summaries.payload), self.measure.eq(0b01),
                     self.scaling.eq(0)]

    def _scale(self, m):
        step, length = self.step, self.length.length
        rounded = Signal(SCALE_BITS + 1)
        code_shift, half = Signal(signed(6)), Signal(signed(6))
        with m.Switch(step):
            with m.Case(3):
                m.d.sync += code_shift.eq(length - SCALE_BITS)
            with m.Case(4):
                m.d.sync += [self.total.eq(self.summary.squares + self.shifted),
                             self.measure.eq(0b10)]
            with m.Case(7):
                drop = LARGEST_BITS - SCALE_BITS
                m.d.sync += [half.eq((length - (RADICAND_BITS - 1)) >> 1),
                             rounded.eq(self.shifted[drop:LARGEST_BITS] + self.shifted[drop - 1])]
            with m.Case(8):
                m.d.sync += self.top.eq(rounded[:-1] | rounded[-1].replicate(SCALE_BITS))
            with m.Case(26):
                quotient = self.divider.quotient[:SCALE_BITS]
                m.d.sync += [self.jobs.valid.eq(1), self.jobs.payload.code_shift.eq(code_shift),
                             self.jobs.payload.reciprocal.eq(Mux(self.top == 0, 0, quotient))]
            with m.Case(28):
                m.d.sync += self.scaling.eq(1)
        self._finish(m, code_shift, half)

    def _finish(self, m, code_shift, half):
        """Cycle 50: the quotient brought to 17 bits. A root of 0 counts as 1 for the exponent."""
        quotient = self.divider.quotient
        difference, exponent = Signal(signed(8)), Signal(signed(10))
        without, spare = Signal(range(RADICAND_BITS)), Signal(range(RADICAND_BITS))
        rootless = Signal()
        scale = Signal(scale_layout)
        m.d.sync += [
            difference.eq(code_shift - half - 2),
            exponent.eq(self.constant.factor_exponent + difference),
            without.eq(Mux(self.length.length > SCALE_BITS, self.length.length - SCALE_BITS, 0)),
            rootless.eq(self.root.root == 0),
        ]
        with m.If(rootless):
            m.d.comb += spare.eq(without)
        with m.Else():
            for bit in range(SCALE_BITS, QUOTIENT_BITS):
                with m.If(quotient[bit]):
                    m.d.comb += spare.eq(bit + 1 - SCALE_BITS)
            m.d.comb += scale.mantissa.eq(quotient >> spare[:2])
        m.d.comb += [scale.exponent.eq(exponent + spare),
                     self.queue.w_data.eq(scale.as_value())]
