"""Scale against golden.scale."""

import random
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from ..common.tape import Function
from ..rtl.scale import Scale
from ..rtl.scalar_unit import scale_layout
from .elementwise import Clocks, check_clocks, corners, golden, integers, machine
from .streams import StreamSink, StreamSource, parameters, start

SCALES = 120


def formats_of(f):
    """(bits, frac) that golden.py asks for where it uses a function's outputs."""
    values = f.value_bits, f.value_frac
    return {Function.CANDIDATE: values, Function.FORGET: values, Function.PRODUCT: values,
            Function.RESIDUAL: (f.residual_bits, f.residual_frac),
            Function.LOGITS: (f.logit_bits, f.logit_frac)}


def scale_of(generator, number, bits):
    """{mantissa, exponent}: all exponents once, then most of them where results are of use."""
    top = 1 << (bits - 1)
    mantissa = generator.choice((top, 2 * top - 1, 3 * top // 2, generator.randrange(top, 2 * top)))
    if number < 100:
        exponent = -90 + number
    else:
        exponent = generator.choice((-512, 511, *range(-50, -10)))
    return {"mantissa": mantissa if number % 29 else 0, "exponent": exponent}


def matrix(generator, model, config, scale, release):
    """Beats of one matrix and what is expected of them."""
    function = generator.choice(list(Function))
    bits, frac = formats_of(model.f)[function]
    count = generator.randrange(1, 12)
    limit = 127 * config.max_inner
    sums = [max(-limit, min(limit, x)) for x in
            integers(generator, config.accumulator_bits, count * config.vector)]
    if generator.random() < 0.2:
        sums = generator.choices(corners(config.accumulator_bits), k=len(sums))
    scales = SimpleNamespace(mantissa=np.int64(scale["mantissa"]),
                             exponent=np.int64(scale["exponent"]))
    scaled = model.scale(np.array(sums, np.int64), scales, bits, frac)
    sent, expected = [], []
    for n in range(count):
        part = slice(n * config.vector, (n + 1) * config.vector)
        marks = {"function": int(function), "first": int(n == 0), "last": int(n == count - 1)}
        sent.append({"values": sums[part], "release": int(release)} | marks)
        expected.append({"values": [int(x) for x in scaled[part]]} | marks)
    return sent, expected


def traffic(generator, config):
    """Scales, and matrices of which one to three use each."""
    model, sent, expected = golden(config.formats), [], []
    scales = [scale_of(generator, n, model.f.scale_bits) for n in range(SCALES)]
    for scale in scales:
        users = generator.randrange(1, 4)
        for user in range(users):
            s, e = matrix(generator, model, config, scale, user == users - 1)
            sent, expected = sent + s, expected + e
    return scales, sent, expected


@cocotb.test
@cocotb.parametrize((("idle", "stall", "scale_idle"),
                     [(0, 0, 0), (0, 0.4, 0), (0.3, 0.4, 0.9)]))
async def values_match(dut, idle, stall, scale_idle):
    config = machine(**parameters())
    box = Scale(config)
    generator = random.Random(17)
    scales, sent, expected = traffic(generator, config)
    await start(dut)
    sums = StreamSource(dut, "sums", box.sums_layout, idle=idle)
    source = StreamSource(dut, "scales", scale_layout(config.formats), idle=scale_idle)
    sink = StreamSink(dut, "scaled", box.scaled_layout, stall=stall)
    entered, left = Clocks(dut, "sums"), Clocks(dut, "scaled")
    taken = Clocks(dut, "scales")
    await ClockCycles(dut.clk, 3)
    source.send(*scales, {"mantissa": 1, "exponent": 0})
    await ClockCycles(dut.clk, 3)
    sums.send(*sent)
    await sink.expect(expected)
    await sink.quiet(2 * Scale.LATENCY)
    released = [clock for clock, beat in zip(entered.passed, sent, strict=True)
                if beat["last"] & beat["release"]]
    assert taken.passed == released, "a scale was taken without the last beat that uses it"
    if not idle and not stall and not scale_idle:
        check_clocks(entered, left, len(sent), Scale.LATENCY)


@cocotb.test
async def sums_wait_for_a_scale(dut):
    config = machine(**parameters())
    box, generator, model = Scale(config), random.Random(18), golden(config.formats)
    scale = {"mantissa": 100_000, "exponent": -30}
    await start(dut)
    sums = StreamSource(dut, "sums", box.sums_layout)
    source = StreamSource(dut, "scales", scale_layout(config.formats))
    sink = StreamSink(dut, "scaled", box.scaled_layout)
    entered = Clocks(dut, "sums")
    for _ in range(3):
        sent, expected = matrix(generator, model, config, scale, True)
        before = len(entered.passed)
        sums.send(*sent)
        await sink.quiet(30)
        assert len(entered.passed) == before, "a sum was taken without a scale"
        source.send(scale)
        await sink.expect(expected)
    await sink.quiet(30)


@cocotb.test
async def scale_waits_for_its_sums(dut):
    config = machine(**parameters())
    await start(dut)
    source = StreamSource(dut, "scales", scale_layout(config.formats))
    StreamSource(dut, "sums", Scale(config).sums_layout)
    sink = StreamSink(dut, "scaled", Scale(config).scaled_layout)
    source.send({"mantissa": 100_000, "exponent": -30})
    await sink.quiet(30)
    assert source.queue, "a scale was taken without sums"
