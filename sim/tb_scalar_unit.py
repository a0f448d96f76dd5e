"""ScalarUnit against golden.scalars."""

import random
from functools import cache
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from ..rtl.scalar_unit import ENERGY_BITS, ScalarUnit
from .bench import machine
from .elementwise import Clocks, golden
from .streams import StreamSink, StreamSource, parameters, start

NORMS = 160
reference = cache(golden)
FAR = range(-512, 512)  # every exponent that a command can carry


class Norm:
    """Operands of one norm and what the golden model of `config` makes of them."""

    def __init__(self, config, largest, squares, exponent, energy, factor, weight, constant):
        pairs = {"factor": factor, "energy": weight, "constant": constant}
        self.energy = energy
        self.constants = {f"{name}_{part}": value for name, pair in pairs.items()
                          for part, value in zip(("mantissa", "exponent"), pair)}
        self.summary = {"largest": largest, "squares": squares, "exponent": exponent}
        norm = SimpleNamespace(**{name: SimpleNamespace(mantissa=np.array([m]), exponent=e)
                                  for name, (m, e) in pairs.items()})
        scales = reference(config.formats).scalars(
            *(np.array([x], np.int64) for x in (largest, squares, exponent, energy)), norm)
        self.job = {"code_shift": int(scales.code_shift[0]),
                    "reciprocal": int(scales.reciprocal[0])}
        self.scale = {"mantissa": int(scales.mantissa[0]), "exponent": int(scales.exponent[0])}


@cache
def sizes(config):
    """Bits of each operand, and the exponents that a norm can have."""
    f, box = config.formats, ScalarUnit(config)
    summary = box.summaries.payload.shape()
    exponents = range(1 - f.mantissa_bits, f.element_bits - f.mantissa_bits + 1)
    return SimpleNamespace(top=f.reciprocal_bits, largest=summary["largest"].width,
                           squares=summary["squares"].width, exponent=exponents,
                           scale=f.scale_bits, epsilon=f.epsilon_bits)


def corner_norms(config):
    """Zeros, extremes, saturation, every way out of the shifts."""
    s = sizes(config)
    plain = dict(largest=123456789, squares=1 << 40, exponent=3, energy=12345,
                 factor=(99999 << s.scale - 17, -30), weight=(70000 << s.epsilon - 17, -20),
                 constant=(80000 << s.epsilon - 17, -10))
    energy, small = (1 << ENERGY_BITS) - 1, (1 << s.epsilon) - 1
    factor, top, largest, squares = (
        (1 << bits) - 1 for bits in (s.scale, s.top, s.largest, s.squares))
    one = 1 << s.epsilon - 1
    full = 62 - s.epsilon  # with this exponent `one` is the highest bit of a sum
    least, most = s.exponent[0], s.exponent[-1]
    changes = [
        {}, {"largest": 0}, {"squares": 0}, {"largest": 0, "squares": 0},
        # the sum is 0: no root
        {"squares": 0, "energy": 0, "constant": (0, 0)},
        {"squares": 0, "weight": (0, 0), "constant": (small, -s.epsilon)},
        {"squares": 0, "largest": 0, "energy": 0, "constant": (0, 511)},
        {"squares": 0, "energy": 0, "constant": (0, 0), "factor": (0, 5)},
        {"squares": 0, "energy": 0, "constant": (0, 0), "factor": (1, 5), "largest": 1},
        # the largest rounds up to a power of two, in the middle of ties, and to its range's ends
        {"largest": 2 * top + 1}, {"largest": largest}, {"largest": top},
        {"largest": 1}, {"largest": 2}, {"largest": top + 2}, {"largest": 2 * top + 3},
        {"largest": 2 * top + 4}, {"largest": largest // 2 + 1},
        {"largest": largest // 2 + 1 + (1 << s.largest - s.top - 2)},
        {"largest": top // 2 + 1}, {"largest": top << s.largest - s.top},
        # the scale needs no, one, two and three bits less
        {"factor": (factor, 0), "largest": largest, "squares": 1 << 40},
        {"factor": (factor, 0), "largest": largest, "squares": (1 << 41) - 1},
        {"factor": (factor // 2 + 1, 0), "largest": largest // 2 + 1, "squares": squares},
        {"factor": (factor // 4 + 1, 0), "largest": largest // 2 + 1, "squares": squares},
        {"factor": (1, 0), "largest": 1}, {"factor": (0, 0)},
        # sums that saturate, shifts beyond 62 bits
        {"squares": squares, "constant": (one, full), "exponent": 0},
        {"constant": (one, full + 1), "exponent": 0}, {"constant": (one, full), "exponent": -1},
        {"constant": (1, 61), "exponent": 0}, {"constant": (1, 62), "exponent": 0},
        {"constant": (1, 63), "exponent": 0}, {"constant": (1, 511), "exponent": most},
        {"constant": (small, 511), "energy": energy, "weight": (small, 511), "exponent": most},
        {"constant": (small, 60), "energy": 1, "weight": (1, 0), "exponent": most},
        {"constant": (small, full + 1), "exponent": 5},
        {"constant": (small, full - 1), "exponent": least},
        *({"energy": energy, "weight": (small, n), "exponent": 0} for n in range(4)),
        {"energy": energy // 2 + 1, "weight": (one, 4), "exponent": 2},
        {"energy": energy, "weight": (small, 2), "constant": (one, full), "exponent": most},
        # right shifts to the last bit and beyond
        *({"squares": 0, "energy": energy, "weight": (small, -n), "constant": (0, 0), "exponent": 0}
          for n in (1, 31, 32, 59, 60, 63, 64, 65, 96, 128, 512)),
        *({"squares": 0, "energy": 0, "constant": (small, -n), "exponent": 0}
          for n in (1, s.epsilon - 2, s.epsilon - 1, s.epsilon, 64, 65, 80, 512)),
        *({"squares": 5, "exponent": n} for n in (least, least + 1, -17, -1, 0, 1, most - 1, most)),
        {"squares": squares}, {"squares": 1}, {"squares": 3, "energy": 0, "constant": (0, 0)},
    ]
    return [Norm(config, **(plain | change)) for change in changes]


def some_norm(config, generator):
    """Sizes as a model has them, or any."""
    s = sizes(config)
    bits = lambda most: generator.getrandbits(generator.randrange(most + 1)) \
        if most else 0  # noqa: E731
    mantissa = lambda width: generator.choice([  # noqa: E731
        generator.randrange(1 << width - 1, 1 << width),
        generator.randrange(1 << width - 1, 1 << width), 1 << width - 1, (1 << width) - 1,
        bits(width)])
    exponents = range(-70, 40) if generator.random() < 0.7 else FAR
    return Norm(config, bits(s.largest), bits(s.squares), generator.choice(s.exponent),
                bits(ENERGY_BITS), (mantissa(s.scale), generator.randrange(-400, 400)),
                (mantissa(s.epsilon), generator.choice(exponents)),
                (mantissa(s.epsilon), generator.choice(exponents)))


class Bench:
    def __init__(self, dut, config, norms, idle=0, stall=0):
        self.dut, self.norms = dut, norms
        self.box = box = ScalarUnit(config)
        self.rest = Norm(config, 1, 1, 0, 0, *[(0, 0)] * 3)
        shape = lambda name: getattr(box, name).payload.shape()  # noqa: E731
        self.constants, self.summaries = (
            StreamSource(dut, name, shape(name), idle=idle) for name in ("constants", "summaries"))
        self.jobs, self.scales = (
            StreamSink(dut, name, shape(name), stall=stall) for name in ("jobs", "scales"))
        self.clocks = SimpleNamespace(**{name: Clocks(dut, name) for name in (
            "constants", "summaries", "jobs", "scales")})
        dut.energy.value = norms[0].energy
        cocotb.start_soon(self._energy())
        self.constants.send(*[norm.constants for norm in norms])
        self.summaries.send(*[norm.summary for norm in norms])

    async def _energy(self):
        """Right until the constants are taken; then that of the next norm."""
        dut = self.dut
        for norm in [*self.norms[1:], self.rest]:
            while True:
                await RisingEdge(dut.clk)
                if dut.constants__valid.value and dut.constants__ready.value:
                    break
            dut.energy.value = norm.energy


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.9])
async def scalars_match(dut, idle, stall):
    config, generator = machine(parameters()), random.Random(31)
    norms = corner_norms(config)
    norms += [some_norm(config, generator) for _ in range(NORMS)]
    await start(dut)
    bench = Bench(dut, config, norms, idle, stall)
    for norm in norms:
        await bench.jobs.expect([norm.job])
        await bench.scales.expect([norm.scale])
    await bench.jobs.quiet(bench.box.SCALE)
    await bench.scales.quiet(1)


@cocotb.test
async def clocks_do_not_depend_on_the_operands(dut):
    config, generator = machine(parameters()), random.Random(32)
    norms = corner_norms(config)[:20] + [some_norm(config, generator) for _ in range(20)]
    await start(dut)
    bench = Bench(dut, config, norms)
    await bench.scales.expect([norm.scale for norm in norms])
    clocks, box = bench.clocks, bench.box
    prepare = [box.PREPARE if norm.constants["energy_mantissa"] else box.QUICK for norm in norms]
    assert len(set(prepare)) == 2
    assert clocks.summaries.passed == [n + p for n, p in zip(clocks.constants.passed, prepare)]
    assert clocks.jobs.passed == [n + box.RECIPROCAL for n in clocks.summaries.passed]
    assert clocks.scales.passed == [n + box.SCALE for n in clocks.summaries.passed]
    assert clocks.constants.passed[1:] == [n + box.SCALE for n in clocks.summaries.passed[:-1]]


@cocotb.test
async def jobs_and_scales_wait_independently(dut):
    """Untaken scales hold up no job until SCALES of them wait, an untaken job no scale."""
    config, generator = machine(parameters()), random.Random(33)
    norms = [some_norm(config, generator) for _ in range(10)]
    await start(dut)
    bench = Bench(dut, config, norms)
    stopped = {"jobs": False, "scales": True}

    def pause(name):
        while True:
            yield stopped[name]

    bench.jobs.set_pause(pause("jobs"))
    bench.scales.set_pause(pause("scales"))
    count = ScalarUnit.SCALES + 1
    await bench.jobs.expect([norm.job for norm in norms[:count]])
    await bench.jobs.quiet(200)
    assert len(bench.clocks.constants.passed) == count
    stopped.update(jobs=True, scales=False)
    await bench.scales.expect([norm.scale for norm in norms[:count + 1]])
    await bench.scales.quiet(200)
    assert len(bench.clocks.summaries.passed) == count + 1
    stopped.update(jobs=False)
    await bench.jobs.expect([norm.job for norm in norms[count:]])
    await bench.scales.expect([norm.scale for norm in norms[count + 1:]])
