"""ScalarUnit against golden.scalars."""

import random
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from ..common.config import preset
from ..compiler.clocks import PREPARE, RECIPROCAL, SCALE
from ..rtl.scalar_unit import ENERGY_BITS, ScalarUnit
from .elementwise import Clocks, golden
from .streams import StreamSink, StreamSource, parameters, start

NORMS = 160
FAR = range(-512, 512)  # every exponent that a command can carry


def machine():
    p = parameters()
    return preset(p["preset"], **p["changes"])


class Norm:
    """Operands of one norm and what the golden model makes of them."""

    def __init__(self, largest, squares, exponent, energy, factor, weight, constant):
        pairs = {"factor": factor, "energy": weight, "constant": constant}
        self.energy = energy
        self.constants = {f"{name}_{part}": value for name, pair in pairs.items()
                          for part, value in zip(("mantissa", "exponent"), pair)}
        self.summary = {"largest": largest, "squares": squares, "exponent": exponent}
        norm = SimpleNamespace(**{name: SimpleNamespace(mantissa=np.array([m]), exponent=e)
                                  for name, (m, e) in pairs.items()})
        one = lambda x: np.array([x], np.int64)  # noqa: E731
        scales = golden().scalars(one(largest), one(squares), one(exponent), one(energy), norm)
        self.job = {"code_shift": int(scales.code_shift[0]),
                    "reciprocal": int(scales.reciprocal[0])}
        self.scale = {"mantissa": int(scales.mantissa[0]), "exponent": int(scales.exponent[0])}


def corner_norms():
    """Zeros, extremes, saturation, every way out of the shifts."""
    plain = dict(largest=123456789, squares=1 << 40, exponent=3, energy=12345,
                 factor=(99999, -30), weight=(70000, -20), constant=(80000, -10))
    full, top = (1 << ENERGY_BITS) - 1, (1 << 17) - 1
    changes = [
        {}, {"largest": 0}, {"squares": 0}, {"largest": 0, "squares": 0},
        # the sum is 0: no root
        {"squares": 0, "energy": 0, "constant": (0, 0)},
        {"squares": 0, "weight": (0, 0), "constant": (top, -17)},
        {"squares": 0, "largest": 0, "energy": 0, "constant": (0, 511)},
        {"squares": 0, "energy": 0, "constant": (0, 0), "factor": (0, 5)},
        {"squares": 0, "energy": 0, "constant": (0, 0), "factor": (1, 5), "largest": 1},
        # the largest rounds up to 2**17, in the middle of ties, and to the ends of its range
        {"largest": (1 << 18) - 1}, {"largest": (1 << 33) - 1}, {"largest": (1 << 17) - 1},
        {"largest": 1}, {"largest": 2}, {"largest": (1 << 17) + 1}, {"largest": (1 << 18) + 1},
        {"largest": (1 << 18) + 2}, {"largest": (1 << 32)}, {"largest": (1 << 32) + (1 << 15)},
        {"largest": 1 << 16}, {"largest": top << 15},
        # the scale needs no, one, two and three bits less
        {"factor": (top, 0), "largest": (1 << 33) - 1, "squares": 1 << 40},
        {"factor": (top, 0), "largest": (1 << 33) - 1, "squares": (1 << 41) - 1},
        {"factor": (1 << 16, 0), "largest": 1 << 32, "squares": (1 << 48) - 1},
        {"factor": (1 << 15, 0), "largest": 1 << 32, "squares": (1 << 48) - 1},
        {"factor": (1, 0), "largest": 1}, {"factor": (0, 0)},
        # sums that saturate, shifts beyond 62 bits
        {"squares": (1 << 48) - 1, "constant": (1 << 16, 45), "exponent": 0},
        {"constant": (1 << 16, 46), "exponent": 0}, {"constant": (1 << 16, 45), "exponent": -1},
        {"constant": (1, 61), "exponent": 0}, {"constant": (1, 62), "exponent": 0},
        {"constant": (1, 63), "exponent": 0}, {"constant": (1, 511), "exponent": 14},
        {"constant": (top, 511), "energy": full, "weight": (top, 511), "exponent": 14},
        {"constant": (top, 60), "energy": 1, "weight": (1, 0), "exponent": 14},
        {"constant": (top, 46), "exponent": 5}, {"constant": (top, 44), "exponent": -17},
        {"energy": full, "weight": (top, 0), "exponent": 0},
        {"energy": full, "weight": (top, 1), "exponent": 0},
        {"energy": full, "weight": (top, 2), "exponent": 0},
        {"energy": full, "weight": (top, 3), "exponent": 0},
        {"energy": 1 << 42, "weight": (1 << 16, 4), "exponent": 2},
        {"energy": full, "weight": (top, 2), "constant": (1 << 16, 45), "exponent": 14},
        # right shifts to the last bit and beyond
        *({"squares": 0, "energy": full, "weight": (top, -n), "constant": (0, 0), "exponent": 0}
          for n in (1, 31, 32, 59, 60, 63, 64, 65, 96, 128, 512)),
        *({"squares": 0, "energy": 0, "constant": (top, -n), "exponent": 0}
          for n in (1, 15, 16, 17, 64, 65, 80, 512)),
        *({"squares": 5, "exponent": n} for n in (-32, -17, -1, 0, 1, 14, 31)),
        {"squares": (1 << 48) - 1}, {"squares": 1}, {"squares": 3, "energy": 0,
                                                     "constant": (0, 0)},
    ]
    return [Norm(**(plain | change)) for change in changes]


def some_norm(generator):
    """Sizes as a model has them, or any."""
    bits = lambda most: generator.getrandbits(generator.randrange(most + 1)) \
        if most else 0  # noqa: E731
    mantissa = lambda: generator.choice([  # noqa: E731
        generator.randrange(1 << 16, 1 << 17), generator.randrange(1 << 16, 1 << 17), 1 << 16,
        (1 << 17) - 1, bits(17)])
    if generator.random() < 0.7:
        exponents = range(-70, 40)
    else:
        exponents = FAR
    return Norm(bits(33), bits(48), generator.randrange(-17, 15), bits(ENERGY_BITS),
                (mantissa(), generator.randrange(-400, 400)),
                (mantissa(), generator.choice(exponents)),
                (mantissa(), generator.choice(exponents)))


class Bench:
    def __init__(self, dut, norms, idle=0, stall=0):
        self.dut, self.norms = dut, norms
        box = ScalarUnit(machine())
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
        for norm in self.norms[1:] + [Norm(1, 1, 0, 0, *[(0, 0)] * 3)]:
            while True:
                await RisingEdge(dut.clk)
                if dut.constants__valid.value and dut.constants__ready.value:
                    break
            dut.energy.value = norm.energy


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.9])
async def scalars_match(dut, idle, stall):
    generator = random.Random(31)
    norms = corner_norms()
    norms += [some_norm(generator) for _ in range(NORMS)]
    await start(dut)
    bench = Bench(dut, norms, idle, stall)
    for norm in norms:
        await bench.jobs.expect([norm.job])
        await bench.scales.expect([norm.scale])
    await bench.jobs.quiet(SCALE)
    await bench.scales.quiet(1)


@cocotb.test
async def clocks_do_not_depend_on_the_operands(dut):
    generator = random.Random(32)
    norms = corner_norms()[:20] + [some_norm(generator) for _ in range(20)]
    await start(dut)
    bench = Bench(dut, norms)
    await bench.scales.expect([norm.scale for norm in norms])
    clocks = bench.clocks
    assert clocks.summaries.passed == [n + PREPARE for n in clocks.constants.passed]
    assert clocks.jobs.passed == [n + RECIPROCAL for n in clocks.summaries.passed]
    assert clocks.scales.passed == [n + SCALE for n in clocks.summaries.passed]
    assert clocks.constants.passed[1:] == [n + SCALE for n in clocks.summaries.passed[:-1]]


@cocotb.test
async def jobs_and_scales_wait_independently(dut):
    """Untaken scales hold up no job until SCALES of them wait, an untaken job no scale."""
    generator = random.Random(33)
    norms = [some_norm(generator) for _ in range(10)]
    await start(dut)
    bench = Bench(dut, norms)
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
