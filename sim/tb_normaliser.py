"""Normaliser against golden.normalise."""

import random
from types import SimpleNamespace

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from ..common.config import preset
from ..compiler.clocks import NORM_NEXT, NORM_TAKEN, SUMMARY, V_LATENCY
from ..model.golden import magnitude_bits
from ..rtl.normaliser import Normaliser
from .elementwise import Clocks, arrays, golden, integers
from .payload import pack
from .streams import StreamSink, StreamSource, parameters, start

LENGTHS = [1, 2, 3, 4, 5, 1, 1, 64, 2, 2, 1]


def machine():
    p = parameters()
    return preset(p["preset"], **p["changes"])


class Norm:
    """One norm: what goes in, and what the golden model says."""

    def __init__(self, generator, config, length, before):
        f, vector = config.formats, config.vector
        self.length, self.source = length, generator.randrange(2)
        self.repeat = int(before is not None and generator.random() < 0.4)
        self.floors = int(self.repeat and generator.random() < 0.5)
        self.x = elements(generator, f, length)
        self.low = integers(generator, f.floor_bits if self.floors else f.sum_gain_bits, length,
                            signed=not self.floors)
        self.code = integers(generator, f.code_gain_bits, length)
        if generator.random() < 0.2:  # the largest products
            self.code = [-1 << f.code_gain_bits - 1] * length
            self.low = [(1 << f.floor_bits) - 1] * length if self.floors else [
                generator.choice([1, -1]) * ((1 << f.sum_gain_bits - 1) - 1)] * length
        x, low, code = arrays(self.x, self.low, self.code)
        gains = SimpleNamespace(code_gain=code, sum_gain=None if self.repeat else low)
        self.bits = int(magnitude_bits(x)[0])
        v, largest, squares, exponent = golden(f).normalise(x, gains, before and before.squares)
        self.squares = squares
        self.summary = {"largest": int(largest[0]), "squares": int(squares[0]),
                        "exponent": int(exponent[0])}
        padding = -length % vector
        self.beats = (length + padding) // vector
        parts = lambda column: beats_of([*map(int, column)] + [0] * padding, vector)  # noqa: E731
        self.v = [{"values": values, "last": int(n == self.beats - 1)}
                  for n, values in enumerate(parts(v))]
        # What is above the bits of a number in its slot must not matter.
        words = [slot(generator, f, low, f.floor_bits if self.floors else f.sum_gain_bits)
                 | slot(generator, f, code, f.code_gain_bits) << f.slot_bits
                 for low, code in zip(self.low, self.code)]
        self.pairs = parts(words)
        self.rows = parts(self.x)
        self.floor_words = [{"values": values, "address": n}
                            for n, values in enumerate(parts(self.low))] if self.floors else []
        self.command = {"source": self.source, "length": length, "repeat": self.repeat,
                        "floors": self.floors}


def beats_of(column, vector):
    return [column[n:n + vector] for n in range(0, len(column), vector)]


def slot(generator, formats, x, bits):
    return x & (1 << bits) - 1 | generator.getrandbits(formats.slot_bits) >> bits << bits


def elements(generator, formats, length):
    """Of one magnitude, with the extremes of it and ties between mantissas; or 0, or -1."""
    mantissa, widest = formats.mantissa_bits, formats.element_bits - 1
    if generator.random() < 0.1:
        return [generator.choice([0, -1])] * length
    bits = generator.choice([1, 2, mantissa - 2, mantissa - 1, mantissa, mantissa + 1, widest - 1,
                             widest, generator.randrange(1, widest + 1)])
    x = [generator.randrange(-(1 << bits), 1 << bits) for _ in range(length)]
    half, rough = (1 << max(bits - kept, 0) for kept in (mantissa, formats.sum_mantissa_bits))
    ends = [-(1 << bits), (1 << bits) - 1, half, -half, 3 * half >> 1, rough, -rough, rough - half]
    return [generator.choice(ends) if generator.random() < 0.3 else value for value in x]


def norms(config, lengths, seed):
    generator, before, found = random.Random(seed), None, []
    for length in lengths:
        found.append(before := Norm(generator, config, length, before))
    return found


class Memories:
    """Residual and product RAM: what a norm asks for, and garbage in the other."""

    def __init__(self, dut, box, norms):
        self.dut, self.box, self.norms = dut, box, norms
        self.norm, self.random = None, random.Random(3)
        dut.bits.value = 0
        cocotb.start_soon(self._read())
        cocotb.start_soon(self._bits())

    async def _read(self):
        dut, number, shape = self.dut, 0, self.box.x.shape()
        widest = self.box.f.element_bits - 1
        while True:
            await RisingEdge(dut.clk)
            address, source = int(dut.address.value), int(dut.source.value)
            word = [self.random.randrange(-1 << widest, 1 << widest) for _ in range(shape.length)]
            if self.norm is not None and source == self.norm.source \
                    and address < len(self.norm.rows):
                word = self.norm.rows[address]
            if dut.norms__valid.value and dut.norms__ready.value:
                self.norm, number = self.norms[number], number + 1
            dut.x.value = pack(shape, word)

    async def _bits(self):
        while True:
            await FallingEdge(self.dut.clk)
            if self.norm is not None:
                right = int(self.dut.source.value) == self.norm.source
                self.dut.bits.value = self.norm.bits if right else \
                    self.box.f.element_bits - 1 - self.norm.bits


class Bench:
    def __init__(self, dut, lengths, seed, idle=0, stall=0):
        self.box = box = Normaliser(machine())
        self.list = norms(box.config, lengths, seed)
        Memories(dut, box, self.list)
        self.norms = StreamSource(dut, "norms", box.norms.payload.shape(), idle=idle)
        self.pairs = StreamSource(dut, "pairs", box.pairs.payload.shape(), idle=idle)
        self.v, self.floors, self.summaries = (
            StreamSink(dut, name, getattr(box, name).payload.shape(), stall=stall)
            for name in ("v", "floors", "summaries"))
        self.clocks = SimpleNamespace(**{name: Clocks(dut, name) for name in (
            "norms", "pairs", "v", "floors", "summaries")})

    def send(self):
        for norm in self.list:
            self.norms.send(norm.command)
            self.pairs.send(*norm.pairs)

    async def expect(self):
        for norm in self.list:
            await self.v.expect(norm.v)
            await self.floors.expect(norm.floor_words)
            await self.summaries.expect([norm.summary])
        for sink in (self.v, self.floors, self.summaries):
            await sink.quiet(10)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.4], stall=[0, 0.5])
async def norms_match(dut, idle, stall):
    generator = random.Random(21)
    lengths = LENGTHS + [generator.randrange(1, 40) for _ in range(60)]
    await start(dut)
    bench = Bench(dut, lengths, 22, idle, stall)
    bench.send()
    await bench.expect()


@cocotb.test
async def clocks_are_as_promised(dut):
    await start(dut)
    bench = Bench(dut, [5, 40, 1, 17, 16, 2, 33, 30, 9, 64], 23)
    bench.send()
    await bench.expect()
    box, clocks = bench.box, bench.clocks
    assert clocks.v.passed == [n + V_LATENCY for n in clocks.pairs.passed]
    pairs, floors = iter(clocks.pairs.passed), []
    last = summary_before = None
    for norm, taken, summary in zip(bench.list, clocks.norms.passed, clocks.summaries.passed):
        assert last is None or taken == last + NORM_NEXT
        expected = [taken + NORM_TAKEN + n for n in range(norm.beats)]
        if summary_before is not None:  # the last pair waits until that has been taken
            expected[-1] = max(expected[-1], summary_before + 2)
        assert [next(pairs) for _ in expected] == expected
        last, summary_before = expected[-1], summary
        assert summary == last + V_LATENCY + SUMMARY + box.levels
        floors += [n + 1 for n in expected if norm.floors]
    assert clocks.floors.passed == floors


@cocotb.test
async def a_stalled_v_does_not_hold_back_a_summary(dut):
    """The quantiser may have no bank free until the scalar unit has the summary before."""
    await start(dut)
    bench = Bench(dut, [20, 20], 24)
    stopped = False

    def pause():
        while True:
            yield stopped

    bench.v.set_pause(pause())
    bench.send()
    await bench.v.expect(bench.list[0].v)
    stopped = True
    await bench.summaries.expect([bench.list[0].summary])
    stopped = False
    await bench.v.expect(bench.list[1].v)
    await bench.summaries.expect([bench.list[1].summary])


@cocotb.test
async def a_summary_waits_for_its_taker(dut):
    """The next norm runs on, up to its last pair."""
    await start(dut)
    bench = Bench(dut, [20, 20, 20], 25)
    stopped = True

    def pause():
        while True:
            yield stopped

    bench.summaries.set_pause(pause())
    bench.send()
    await bench.v.expect(bench.list[0].v + bench.list[1].v[:-1])
    await bench.v.quiet(40)
    stopped = False
    await bench.summaries.expect([norm.summary for norm in bench.list])
    await bench.v.expect(bench.list[1].v[-1:] + bench.list[2].v)
