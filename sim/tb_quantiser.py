"""Quantiser against golden.quantise."""

import random
from types import SimpleNamespace

import cocotb
import numpy as np

from ..common.config import preset
from ..compiler.clocks import QUANTISE
from ..model.golden import Scales, bit_length
from ..rtl.quantiser import Quantiser
from .elementwise import Clocks, arrays, golden
from .streams import StreamSink, StreamSource, parameters, start

BITS = 18


def machine():
    p = parameters()
    return preset(p["preset"], **p["changes"])


class Vector:
    """A vector of whole beats, the scalars of its norm, and its codes."""

    def __init__(self, generator, lanes, beats):
        bits = generator.choice([0, 1, 2, 16, 17, 18, 19, 32, 32, generator.randrange(33)])
        v = elements(generator, bits, beats * lanes)
        one = SimpleNamespace(mantissa=np.array([1 << 16]), exponent=0)
        array, = arrays(v)
        zero = np.zeros(1, np.int64)
        scales = golden().scalars(np.abs(array).max(keepdims=True), zero, zero, zero,
                                  SimpleNamespace(factor=one, energy=one, constant=one))
        if generator.random() < 0.3:  # any code_shift that fits, any reciprocal that its top allows
            scales = some_scales(generator, np.abs(array).max(keepdims=True))
        self.job = {"code_shift": int(scales.code_shift[0]),
                    "reciprocal": int(scales.reciprocal[0])}
        codes = golden().quantise(array, scales)
        parts = lambda column: np.reshape(column, (-1, lanes)).tolist()  # noqa: E731
        self.v = [{"values": values, "last": int(n == beats - 1)}
                  for n, values in enumerate(parts(v))]
        self.codes = [{"codes": values, "last": int(n == beats - 1)}
                      for n, values in enumerate(parts(codes))]


def elements(generator, bits, count):
    """|v| at most 2**bits, with the extremes and what is half a step from the next mantissa."""
    top = (1 << bits) - 1
    step = 1 << max(bits - BITS + 1, 0)
    hard = [top, -top, 0, step >> 1, -(step >> 1), 3 * step >> 1, -(3 * step >> 1),
            top - (step >> 1), (step >> 1) - top, 1 << max(bits - 1, 0), -(1 << max(bits - 1, 0))]
    chosen = [generator.choice(hard) if generator.random() < 0.4
              else generator.randint(-top, top) for _ in range(count)]
    return [max(-top, min(x, top)) for x in chosen]


def some_scales(generator, largest):
    """A shift that may leave leading zeros; any reciprocal that keeps codes within 8 bits."""
    least = int(bit_length(largest)[0]) - BITS + 1
    shift = np.array([generator.randint(least, 16)])
    return Scales(shift, np.array([generator.randrange(65024, 65025)]), None, None)


class Bench:
    def __init__(self, dut, lengths, seed, idle=0, stall=0):
        box, generator = Quantiser(machine()), random.Random(seed)
        self.box, self.dut = box, dut
        self.vectors = [Vector(generator, box.config.vector, n) for n in lengths]
        shape = lambda name: getattr(box, name).payload.shape()  # noqa: E731
        self.v, self.jobs = (StreamSource(dut, name, shape(name), idle=idle)
                             for name in ("v", "jobs"))
        self.codes = StreamSink(dut, "codes", shape("codes"), stall=stall)
        self.clocks = SimpleNamespace(**{name: Clocks(dut, name)
                                         for name in ("v", "jobs", "codes")})

    def send_vectors(self):
        for vector in self.vectors:
            self.v.send(*vector.v)

    async def expect(self):
        for vector in self.vectors:
            await self.codes.expect(vector.codes)
        await self.codes.quiet(2 * self.box.latency)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.4], stall=[0, 0.5])
async def codes_match(dut, idle, stall):
    generator = random.Random(41)
    await start(dut)
    lengths = [1, 1, 1, 1, 2, 3, 1] + [generator.randrange(1, 30) for _ in range(80)]
    bench = Bench(dut, lengths, 42, idle, stall)
    bench.send_vectors()
    bench.jobs.send(*[vector.job for vector in bench.vectors])
    await bench.expect()


@cocotb.test
async def a_whole_bank_is_used(dut):
    await start(dut)
    depth = Quantiser(machine()).depth
    bench = Bench(dut, [depth, depth, depth], 43)
    bench.send_vectors()
    bench.jobs.send(*[vector.job for vector in bench.vectors])
    await bench.expect()


@cocotb.test
async def clocks_are_as_promised(dut):
    """Two banks fill, no more; then their codes come without a gap, and the banks go round."""
    await start(dut)
    lengths = [20, 13, 15, 1, 9]
    bench = Bench(dut, lengths, 44)
    bench.send_vectors()
    await bench.codes.quiet(100)
    assert len(bench.clocks.v.passed) == lengths[0] + lengths[1]
    bench.jobs.send(*[vector.job for vector in bench.vectors])
    await bench.expect()
    v, jobs, codes = bench.clocks.v.passed, bench.clocks.jobs.passed, bench.clocks.codes.passed
    begin = np.cumsum([0] + lengths)
    assert [codes[n] for n in begin[:-1]] == [n + QUANTISE for n in jobs]
    assert codes[:begin[2]] == list(range(codes[0], codes[0] + begin[2]))
    assert jobs[1] == jobs[0] + lengths[0]
    for n in (2, 3):  # as soon as the bank is free
        assert v[begin[n]] == max(jobs[n - 2] + lengths[n - 2] + 1, v[begin[n] - 1] + 1)
    for n in (2, 3, 4):  # as soon as the vector is there
        assert jobs[n] == max(v[begin[n + 1] - 1] + 1, jobs[n - 1] + lengths[n - 1])
