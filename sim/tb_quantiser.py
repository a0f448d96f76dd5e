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


def machine():
    p = parameters()
    return preset(p["preset"], **p["changes"])


class Vector:
    """A vector of whole beats, the scalars of its norm, and its codes."""

    def __init__(self, generator, config, beats):
        f, lanes, model = config.formats, config.vector, golden(config.formats)
        mantissa, widest = f.mantissa_bits, f.code_input_bits - 1
        bits = generator.choice([0, 1, 2, mantissa - 2, mantissa - 1, mantissa, mantissa + 1,
                                 widest, widest, generator.randrange(widest + 1)])
        v = elements(generator, f, bits, beats * lanes)
        one = SimpleNamespace(mantissa=np.array([1]), exponent=0)
        array, = arrays(v)
        zero = np.zeros(1, np.int64)
        scales = model.scalars(np.abs(array).max(keepdims=True), zero, zero, zero,
                               SimpleNamespace(factor=one, energy=one, constant=one))
        if generator.random() < 0.3:  # any code_shift that fits, any reciprocal that its top allows
            scales = some_scales(generator, f, np.abs(array).max(keepdims=True))
        self.job = {"code_shift": int(scales.code_shift[0]),
                    "reciprocal": int(scales.reciprocal[0])}
        codes = model.quantise(array, scales)
        parts = lambda column: np.reshape(column, (-1, lanes)).tolist()  # noqa: E731
        self.v = [{"values": values, "last": int(n == beats - 1)}
                  for n, values in enumerate(parts(v))]
        self.codes = [{"codes": values, "last": int(n == beats - 1)}
                      for n, values in enumerate(parts(codes))]


def elements(generator, formats, bits, count):
    """|v| at most 2**bits, with the extremes and what is half a step from the next mantissa."""
    top = (1 << bits) - 1
    step = 1 << max(bits - formats.mantissa_bits + 1, 0)
    hard = [top, -top, 0, step >> 1, -(step >> 1), 3 * step >> 1, -(3 * step >> 1),
            top - (step >> 1), (step >> 1) - top, 1 << max(bits - 1, 0), -(1 << max(bits - 1, 0))]
    chosen = [generator.choice(hard) if generator.random() < 0.4
              else generator.randint(-top, top) for _ in range(count)]
    return [max(-top, min(x, top)) for x in chosen]


def some_scales(generator, formats, largest):
    """A shift that may leave leading zeros; the largest reciprocal that keeps codes in 8 bits."""
    mantissa = formats.mantissa_bits - 1
    least = int(bit_length(largest)[0]) - mantissa
    shift = generator.randint(least, formats.code_input_bits - formats.mantissa_bits)
    return Scales(np.array([shift]), np.array([127 << formats.reciprocal_frac - mantissa]),
                  None, None)


class Bench:
    def __init__(self, dut, lengths, seed, idle=0, stall=0):
        box, generator = Quantiser(machine()), random.Random(seed)
        self.box, self.dut = box, dut
        self.vectors = [Vector(generator, box.config, n) for n in lengths]
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
    """Two banks fill, no more; then their codes come, a clock between, and the banks go round."""
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
    for n, length in zip(begin, lengths[:2], strict=False):
        assert codes[n:n + length] == list(range(codes[n], codes[n] + length))
    assert jobs[1] == jobs[0] + lengths[0] + 1
    for n in (2, 3):  # as soon as the bank is free
        assert v[begin[n]] == max(jobs[n - 2] + lengths[n - 2] + 2, v[begin[n] - 1] + 1)
    for n in (2, 3, 4):  # as soon as the vector is there
        assert jobs[n] == max(v[begin[n + 1] - 1] + 1, jobs[n - 1] + lengths[n - 1] + 1)
