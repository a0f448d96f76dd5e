"""Normaliser against golden.normalise."""

import random
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge

from ..common.config import preset
from ..compiler.clocks import NORM_NEXT, NORM_TAKEN, V_LATENCY
from ..model.golden import magnitude_bits
from ..rtl.normaliser import Normaliser
from .elementwise import Clocks, arrays, golden, integers
from .streams import StreamSink, StreamSource, parameters, start

LENGTHS = [1, 2, 3, 4, 5, 1, 1, 64, 2, 2, 1]


def machine():
    p = parameters()
    return preset(p["preset"], **p["changes"])


class Norm:
    """One norm: what goes in, and what the golden model says."""

    def __init__(self, generator, vector, length, before):
        self.length, self.source = length, generator.randrange(2)
        self.repeat = int(before is not None and generator.random() < 0.4)
        self.floors = int(self.repeat and generator.random() < 0.5)
        self.x = elements(generator, length)
        self.low = integers(generator, 16, length, signed=not self.floors)
        self.code = integers(generator, 16, length)
        if generator.random() < 0.2:  # the largest products
            self.code, self.low = [-32768] * length, [32767 * (1 - 2 * (n & 1)) & (
                0xFFFF if self.floors else -1) for n in range(length)]
        x, low, code = arrays(self.x, self.low, self.code)
        gains = SimpleNamespace(code_gain=code, sum_gain=None if self.repeat else low)
        self.bits = int(magnitude_bits(x)[0])
        v, largest, squares, exponent = golden().normalise(x, gains, before and before.squares)
        self.squares = squares
        self.summary = {"largest": int(largest[0]), "squares": int(squares[0]),
                        "exponent": int(exponent[0])}
        padding = -length % vector
        self.beats = (length + padding) // vector
        parts = lambda column: np.array(  # noqa: E731
            list(column) + [0] * padding).reshape(-1, vector).tolist()
        self.v = [{"values": values, "last": int(n == self.beats - 1)}
                  for n, values in enumerate(parts(v))]
        words = [(low & 0xFFFF) | (code & 0xFFFF) << 16 for low, code in zip(self.low, self.code)]
        self.pairs = parts(words)
        self.rows = parts(self.x)
        self.floor_words = [{"values": values, "address": n}
                            for n, values in enumerate(parts(self.low))] if self.floors else []
        self.command = {"source": self.source, "length": length, "repeat": self.repeat,
                        "floors": self.floors}


def elements(generator, length):
    """Residuals: of one magnitude, with the extremes of it; or 0, or -1."""
    if generator.random() < 0.1:
        return [generator.choice([0, -1])] * length
    bits = generator.choice([1, 2, 16, 17, 18, 19, 30, 31, generator.randrange(1, 32)])
    x = [generator.randrange(-(1 << bits), 1 << bits) for _ in range(length)]
    ends = [-(1 << bits), (1 << bits) - 1, 1 << max(bits - 18, 0), -(1 << max(bits - 18, 0)),
            3 << max(bits - 19, 0)]
    return [generator.choice(ends) if generator.random() < 0.3 else value for value in x]


def norms(vector, lengths, seed):
    generator, before, found = random.Random(seed), None, []
    for length in lengths:
        found.append(before := Norm(generator, vector, length, before))
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
        dut, number, lanes = self.dut, 0, self.box.config.vector
        while True:
            await RisingEdge(dut.clk)
            address, source = int(dut.address.value), int(dut.source.value)
            word = [self.random.randrange(-1 << 31, 1 << 31) for _ in range(lanes)]
            if self.norm is not None and source == self.norm.source \
                    and address < len(self.norm.rows):
                word = self.norm.rows[address]
            if dut.norms__valid.value and dut.norms__ready.value:
                self.norm, number = self.norms[number], number + 1
            dut.x.value = sum((x & 0xFFFFFFFF) << 32 * n for n, x in enumerate(word))

    async def _bits(self):
        while True:
            await FallingEdge(self.dut.clk)
            if self.norm is not None:
                right = int(self.dut.source.value) == self.norm.source
                self.dut.bits.value = self.norm.bits if right else 31 - self.norm.bits


class Bench:
    def __init__(self, dut, lengths, seed, idle=0, stall=0):
        self.box = box = Normaliser(machine())
        self.list = norms(box.config.vector, lengths, seed)
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
            expected[-1] = max(expected[-1], summary_before + 1)
        assert [next(pairs) for _ in expected] == expected
        last, summary_before = expected[-1], summary
        assert summary == last + box.summary_latency
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
