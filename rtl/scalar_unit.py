"""The scalars of one norm: 127 / max|v| for the quantiser, and the scale of the matrix outputs."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from ..common.tape import EXPONENT_BITS
from .divider import Divider
from .glu import ENERGY_BITS
from .normaliser import summary_layout
from .root import Root
from .shifter import BitLength, Shifter
from .tape_decoder import constants_layout

BIG = 62  # bits of the sum of squares; golden.BIG
LEVELS = 127
LEADING = 3  # bits of a quotient for the scale above those of a reciprocal, at least


def job_layout(formats):
    """Of the quantiser: by how much and what a vector is multiplied."""
    lowest = 1 - formats.mantissa_bits  # of a largest element of 0
    return data.StructLayout({
        "code_shift": Shape.cast(range(lowest, lowest + formats.code_input_bits)),
        "reciprocal": unsigned(formats.reciprocal_bits)})


def scale_layout(formats):
    """Of Scale: mantissa * 2**exponent, what a matrix's sums are multiplied by."""
    return data.StructLayout({"mantissa": unsigned(formats.scale_bits),
                              "exponent": signed(EXPONENT_BITS)})


class ScalarUnit(Component):
    """golden.scalars: (largest, squares, exponent) of a norm -> job and scale of its matrix.

        top = largest to reciprocal_bits            code_shift = bits of largest - reciprocal_bits
        reciprocal = 127 * 2**reciprocal_frac / top
        total = squares + (energy_mantissa * energy * 2**energy_exponent
                           + constant_mantissa * 2**constant_exponent) / 4**exponent
        scale = factor * top / sqrt(total)          the root to scale_bits, exponent `half`

    One norm at a time, in numbers of clocks that depend on the Config but not on the operands;
    roots, quotients and products grow by `config.scalar_pace` bits a clock:

        constants accepted -> a summary can be accepted     PREPARE, or QUICK without an energy
        summary accepted -> jobs.valid                      RECIPROCAL
        summary accepted -> scales.valid                    SCALE, if `scales` was empty
        summary accepted -> constants can be accepted       SCALE

    In a resident machine, constants without an energy that come while the scale is being divided
    (clocks AHEAD to SCALE - QUICK from the summary) are taken then, and the next summary can be
    accepted SCALE clocks after the one before.

    A summary also waits until the job before has been taken. `SCALES` scales may wait to be taken;
    if as many do, the unit keeps the next one, and takes no constants, until one goes.

    Members
    -------
    constants : In(stream of constants_layout)
    energy : In(ENERGY_BITS)
        Read when constants are accepted.
    summaries : In(stream of summary_layout)
    jobs : Out(stream of job_layout)
    scales : Out(stream of scale_layout)
        mantissa * 2**exponent; the exponent has to fit.
    """

    SCALES = 4
    QUICK = 5

    def __init__(self, config):
        f = config.formats
        self.config, self.f = config, f
        top_bits = f.reciprocal_bits  # `top` has as many
        self.pace = pace = config.scalar_pace
        self._product_clocks = {b: -(-b // pace) for b in (f.scale_bits, f.epsilon_bits)}
        # When the energy term is shifted: steps 3 and 7 shift other things, whatever the state.
        self._energy_step = self._product_clocks[f.epsilon_bits] + 1
        self._energy_step += self._energy_step in (3, 7)
        self.PREPARE = self._energy_step + 5
        self._reciprocal_clocks = -(-top_bits // pace)
        self.RECIPROCAL = self._reciprocal_clocks + 10
        # The divider works on the scale when the root is there and the reciprocal has been taken.
        self._divide = max(-(-f.scale_bits // pace) + 12, self.RECIPROCAL + 1)
        # factor and top below powers of two, the root at least half of one, two bits to spare
        quotient_clocks = -(-(top_bits + LEADING) // pace)
        self._quotient_bits = quotient_clocks * pace
        self.SCALE = self._divide + quotient_clocks + 3
        self.AHEAD = self._divide + 1
        self._mantissa_bits = max(self._product_clocks.values()) * pace
        if ENERGY_BITS + f.epsilon_bits > BIG or f.scale_bits + top_bits + 2 > BIG:
            raise ValueError(f"ScalarUnit: {f}: a product has more than {BIG} bits")
        self._constants, self._summary = constants_layout(f), summary_layout(config)
        super().__init__({
            "constants": In(stream.Signature(self._constants)), "energy": In(ENERGY_BITS),
            "summaries": In(stream.Signature(self._summary)),
            "jobs": Out(stream.Signature(job_layout(f))),
            "scales": Out(stream.Signature(scale_layout(f))),
        })

    def elaborate(self, platform):
        m = Module()
        self.step = step = Signal(range(self.SCALE))  # clocks since constants or summary came
        self.code_shift = Signal.like(self.jobs.payload.code_shift)
        root_bits = self.f.scale_bits
        self.half = Signal(range(-root_bits, BIG // 2 - root_bits + 1))
        self._build_units(m)
        self._finish(m)
        with m.If(self.jobs.ready):
            m.d.sync += self.jobs.valid.eq(0)

        with m.FSM(name="state") as fsm:
            self._build_shifts(m, fsm)
            over = Signal()  # it is the last step
            room = Signal(init=1)  # a register, and so a clock late: scales are further apart
            m.d.sync += room.eq(self.queue.w_level < self.SCALES)
            m.d.sync += over.eq(fsm.ongoing("SCALE") & (
                (step == self.SCALE - 2) | (step == self.SCALE - 1)))
            with m.State("CONSTANTS"):
                m.d.comb += self.constants.ready.eq(1)
                m.d.sync += step.eq(1)
                self._take_constants(m)
                with m.If(self.constants.valid):
                    m.next = "PREPARE"
            with m.State("PREPARE"):
                m.d.sync += step.eq(step + 1)
                self._prepare(m)
                quick = self.at[self.QUICK - 1] & (self.constant.energy_mantissa == 0)
                with m.If(self.at[self.PREPARE - 1] | quick):
                    m.d.sync += [self.multiplying.eq(0), self.waits.eq(1)]
                    m.next = "SUMMARY"
            with m.State("SUMMARY"):
                m.d.comb += self.summaries.ready.eq(~self.jobs.valid)
                m.d.sync += step.eq(1)
                self._take_summary(m)
                with m.If(self.summaries.valid & self.summaries.ready):
                    m.d.sync += self.waits.eq(0)
                    m.next = "SCALE"
            with m.State("SCALE"):
                self._scale(m)
                if self.config.weights == "resident":
                    self._look_ahead(m)
                with m.If(~over):
                    m.d.sync += step.eq(step + 1)
                with m.Else():
                    m.d.comb += self.queue.w_en.eq(room)
                    with m.If(room):
                        m.d.sync += self.ahead.eq(0)
                        with m.If(self.ahead):
                            m.d.sync += [step.eq(1), self.constant.eq(self.following),
                                         self.waits.eq(1)]
                            m.next = "SUMMARY"
                        with m.Else():
                            m.next = "CONSTANTS"
        return m

    def _build_units(self, m):
        """What computes, shared by all steps; none of it minds what it does in between."""
        m.submodules.shifter = self.shifter = shifter = Shifter(BIG)
        m.submodules.length = self.length = BitLength(BIG)
        f, top_bits = self.f, self.f.reciprocal_bits
        m.submodules.root = self.root = Root(f.scale_bits, self.pace)
        m.submodules.divider = self.divider = Divider(max(f.scale_bits, top_bits),
                                                      self._quotient_bits, self.pace)
        m.submodules.queue = self.queue = SyncFIFO(width=scale_layout(f).size,
                                                        depth=2 * self.SCALES)
        self.small = Signal(BIG + 1, reset_less=True)
        self.shifted = Signal(BIG)  # all ones on overflow
        self.top = Signal(top_bits, reset_less=True)
        self.dividend = Signal(f.scale_bits + top_bits + 2)
        self.constant = Signal(self._constants, reset_less=True)
        # Taken ahead of their time
        self.following = Signal(self._constants, reset_less=True)
        self.ahead = Signal()
        self.summary = Signal(self._summary, reset_less=True)
        self.measure = Signal(2)  # what goes into `length`: largest, clipped total, or dividend
        self.clipped = Signal(BIG)
        m.d.sync += self.measure.eq(0)
        m.d.comb += self.length.x.eq(Mux(self.measure[0], self.summary.largest, Mux(
            self.measure[1], self.clipped, self.dividend)))
        self.total = Signal(BIG + 1, reset_less=True)
        self.waits = Signal()  # state SUMMARY, without the way through its code
        self.scaling = Signal()  # the divider works on the scale, no more on the reciprocal
        self.at = {}  # it is that step
        steps = {3, 4, 7, 8, 9, 11, self.QUICK - 1, self.PREPARE - 1, self._energy_step,
                 self._product_clocks[f.epsilon_bits], 9 + self._product_clocks[f.scale_bits],
                 self._divide}
        for step in sorted(steps):
            self.at[step] = Signal(name=f"at_{step}")
            m.d.sync += self.at[step].eq(self.step == step - 1)
        self._build_multiplier(m)
        self._build_serial(m)
        m.d.comb += [
            self.clipped.eq(self.total[:BIG] | self.total[BIG].replicate(BIG)),
            self.shifted.eq(shifter.y | shifter.overflow.replicate(BIG)),
            self.dividend.eq(self._product(f.scale_bits) << 2),
            self.scales.valid.eq(self.queue.r_rdy),
            self.scales.payload.as_value().eq(self.queue.r_data),
            self.queue.r_en.eq(self.scales.ready),
        ]

    def _build_multiplier(self, m):
        """`pace` bits of a mantissa a clock, from the low ones, while `multiplying`."""
        self.multiplying = Signal()
        self.multiplicand = Signal(ENERGY_BITS, reset_less=True)
        self.low, self.high = (Signal(bits, name=name, reset_less=True) for name, bits in (
            ("low", self._mantissa_bits), ("high", ENERGY_BITS)))
        low, high = self.low, self.high
        for _ in range(self.pace):
            total = high + Mux(low[0], self.multiplicand, 0)
            low, high = Cat(low[1:], total[0]), total[1:]
        with m.If(self.multiplying):
            m.d.sync += [self.low.eq(low), self.high.eq(high)]

    def _multiply(self, mantissa, number):
        """Begins mantissa * number."""
        return [self.low.eq(mantissa), self.high.eq(0), self.multiplicand.eq(number),
                self.multiplying.eq(1)]

    def _product(self, bits):
        """The product with a mantissa of so many bits, when all of them have been used."""
        used = self._product_clocks[bits] * self.pace
        return Cat(self.low, self.high)[self._mantissa_bits - used:]

    def _build_serial(self, m):
        """Root and divider. The upper bits of the reciprocal are 0: it starts behind them."""
        root, divider = self.root, self.divider
        self.divisor = Signal.like(divider.divisor, reset_less=True)
        with m.If(self.at[self._divide]):
            m.d.sync += self.divisor.eq(root.root)
        made = self._reciprocal_clocks * self.pace  # uppermost bits of the quotient
        one = Const(LEVELS << self.f.reciprocal_frac + self._quotient_bits - made,
                    len(divider.low) + len(divider.high))
        m.d.comb += [
            root.start.eq(self.at[11]), root.radicand.eq(self.shifted),
            divider.start.eq(self.at[8] | self.at[self._divide]),
            divider.divisor.eq(self.divisor),
            Cat(divider.low, divider.high).eq(Mux(self.scaling, self.dividend, one)),
        ]

    def _build_shifts(self, m, fsm):
        """Operands of the shifter: `shifted` is right 1 + Shifter.LATENCY clocks after the choice.

        Every clock loads something, and what to load is known one clock ahead, which keeps the
        states out of the way. In between it does not matter what is shifted.
        """
        at, f = self.at, self.f
        length = self.length.length
        # An even number of places, to twice the bits of the root or one less
        even = Cat(Const(0, 1), (2 * f.scale_bits - length)[1:]).as_signed()
        choices = [(at[3], self.summary.largest, len(self.summary.largest) - length),
                   (at[7], self.clipped, even),
                   (at[self._energy_step], self._product(f.epsilon_bits),
                    self.constant.energy_exponent),
                   (self.waits, self.small, -(self.summaries.payload.exponent << 1))]
        operand = self.constants.payload.constant_mantissa
        places = self.constants.payload.constant_exponent
        for chosen, some_operand, some_places in reversed(choices):
            operand = Mux(chosen, some_operand, operand)
            places = Mux(chosen, some_places, places)
        m.d.sync += [self.shifter.x.eq(operand), self.shifter.places.eq(places)]

    def _take_constants(self, m):
        """Whatever is offered, which keeps `valid` out of the enables; so for a summary."""
        constants = self.constants.payload
        m.d.sync += [self.constant.eq(constants),
                     *self._multiply(constants.energy_mantissa, self.energy)]

    def _prepare(self, m):
        """small = energy and constant terms of the sum of squares, in units of the input's bit."""
        with m.If(self.at[4]):
            m.d.sync += self.small.eq(self.shifted)
        # Until then: the energy times its mantissa
        with m.If(self.at[self._product_clocks[self.f.epsilon_bits]]):
            m.d.sync += self.multiplying.eq(0)
        with m.If(self.at[self.PREPARE - 1]):
            m.d.sync += self.small.eq(self.small + self.shifted)

    def _look_ahead(self, m):
        """Takes constants while only divider and root are at work, if they need but the shifter."""
        constants = self.constants
        window = Signal()
        age = Signal(self.QUICK - 1)
        m.d.sync += [
            window.eq((self.step >= self.AHEAD - 1) & (self.step < self.SCALE - self.QUICK)),
            age.eq(age << 1)]
        m.d.comb += constants.ready.eq(
            window & ~self.ahead & (constants.payload.energy_mantissa == 0))
        with m.If(~self.ahead):  # whatever is offered
            m.d.sync += self.following.eq(constants.payload)
        with m.If(constants.valid & constants.ready):
            m.d.sync += [self.ahead.eq(1), age.eq(1)]
        with m.If(age[-1]):
            m.d.sync += self.small.eq(self.shifted)

    def _take_summary(self, m):
        m.d.sync += [self.summary.eq(self.summaries.payload), self.measure.eq(0b01),
                     self.scaling.eq(0)]

    def _scale(self, m):
        step, length, f = self.step, self.length.length, self.f
        top_bits, root_bits = f.reciprocal_bits, f.scale_bits
        largest_bits = len(self.summary.largest)
        rounded = Signal(top_bits + 1, reset_less=True)
        code_shift, half = self.code_shift, self.half
        with m.Switch(step):
            with m.Case(3):
                m.d.sync += code_shift.eq(length - top_bits)
            with m.Case(4):
                m.d.sync += [self.total.eq(self.summary.squares + self.shifted),
                             self.measure.eq(0b10)]
            with m.Case(7):
                drop = largest_bits - top_bits
                m.d.sync += [half.eq((length - (2 * root_bits - 1)) >> 1),
                             rounded.eq(self.shifted[drop:largest_bits] + self.shifted[drop - 1])]
        with m.If(self.at[8]):
            top = rounded[:-1] | rounded[-1].replicate(top_bits)
            m.d.sync += [self.top.eq(top), self.divisor.eq(top)]
        # From cycle 10 on: the factor times `top`
        with m.If(self.at[9]):
            m.d.sync += self._multiply(self.constant.factor_mantissa, self.top)
        with m.If(self.at[9 + self._product_clocks[f.scale_bits]]):
            m.d.sync += self.multiplying.eq(0)
        with m.Switch(step):
            with m.Case(self.RECIPROCAL - 1):
                quotient = self.divider.quotient[:top_bits]
                m.d.sync += [self.jobs.valid.eq(1), self.jobs.payload.code_shift.eq(code_shift),
                             self.jobs.payload.reciprocal.eq(Mux(self.top == 0, 0, quotient))]
            with m.Case(self._divide - 1):
                m.d.sync += self.scaling.eq(1)

    def _finish(self, m):
        """The quotient brought to scale_bits, in every clock: in the last step of a scale it is
        right. A root of 0 counts as 1 for the exponent."""
        quotient, bits = self.divider.quotient, self.f.scale_bits
        scale = Signal(self.scales.payload.shape())
        difference, exponent = (Signal(signed(EXPONENT_BITS), name=name, reset_less=True)
                                for name in ("difference", "exponent"))
        most = range(len(self.dividend) - bits + 1)
        without = Signal(most)
        spare = Signal(most)
        rootless = Signal()
        m.d.sync += [
            difference.eq(self.code_shift - self.half - 2),
            exponent.eq(self.constant.factor_exponent + difference),
            without.eq(Mux(self.length.length > bits, self.length.length - bits, 0)),
            rootless.eq(self.root.root == 0),
        ]
        with m.If(rootless):
            m.d.comb += spare.eq(without)
        with m.Else():
            for bit in range(bits, len(quotient)):
                with m.If(quotient[bit]):
                    m.d.comb += spare.eq(bit + 1 - bits)
            few = (len(quotient) - bits).bit_length()
            m.d.comb += scale.mantissa.eq(quotient >> spare[:few])
        m.d.comb += scale.exponent.eq(exponent + spare)
        m.d.sync += self.queue.w_data.eq(scale.as_value())
