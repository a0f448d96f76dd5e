"""WideSampler against the golden sampler, and its clocks against its docstring."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.config import preset
from ..common.generator import SEED_MIX
from ..model.sampler import Sampler as GoldenSampler
from ..rtl.wide_sampler import WideSampler
from . import tb_sampler
from .streams import StreamSink, StreamSource, parameters, start
from .tb_sampler import DRAWS, ONE, beats, reseed


def box():
    """The component under test, here only for its sizes and shapes."""
    p = parameters()
    return WideSampler(preset(p["preset"], **p["changes"]), p["vocabulary"])


def top():
    """The largest logit."""
    return (1 << box().config.formats.logit_bits - 1) - 1


class Bench(tb_sampler.Bench):
    """A sampler with both its streams, told of every token before its logits."""

    def __init__(self, dut, component, idle=0, stall=0):
        self.dut, self.vector, self.top = dut, component.config.vector, top()
        self.logits = StreamSource(dut, "logits", component.beat_layout, idle=idle)
        self.token = StreamSink(dut, "token", stall=stall)
        dut.reseed.value = dut.begin.value = 0

    async def begin(self):
        self.dut.begin.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.begin.value = 0

    async def draw(self, golden, logits, temperature, wait=0):
        """`wait`: clocks from `begin` to the first logit."""
        self.settings(len(logits), temperature)
        await self.begin()
        if wait:
            await ClockCycles(self.dut.clk, wait)
        await super().draw(golden, logits, temperature)


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0.3, 0.7)]))
async def tokens_match(dut, idle, stall):
    """Logits that come at once and such that come when the queue is long full; also more of them
    than it holds."""
    bench, random = Bench(dut, box(), idle, stall), np.random.default_rng(9)
    await start(dut)
    for seed in (0, 12345, SEED_MIX):  # the last would make a state of zero
        golden = GoldenSampler(seed)
        await reseed(dut, seed)
        for number, (vocabulary, temperature, largest) in enumerate(DRAWS):
            largest = min(largest, top())
            logits = random.integers(-largest, largest, vocabulary, endpoint=True)
            await bench.draw(golden, logits, temperature,
                             wait=0 if number % 2 else vocabulary + 20)
    await bench.token.quiet(40)


@cocotb.test
async def first_of_equals_wins(dut):
    bench, random = Bench(dut, box()), np.random.default_rng(11)
    await start(dut)
    golden = GoldenSampler(0)
    await reseed(dut, 0)
    for high in (top(), 0, -top() - 1):
        for _ in range(10):
            logits = np.where(random.random(30) < 0.1, high, max(high - 1, -top() - 1))
            await bench.draw(golden, logits, 0)


@cocotb.test
async def clocks_are_as_promised(dut):
    """Beats at the pace of the noise, then one a clock; the token `latency` after the last one."""
    component, random = box(), np.random.default_rng(13)
    vector, vocabulary = component.config.vector, parameters()["vocabulary"]
    bench, taken, tokens, busy, begun = Bench(dut, component), [], [], [], []
    number = 0

    async def watch():
        nonlocal number
        while True:
            await RisingEdge(dut.clk)
            number += 1
            for name, clocks in (("logits", taken), ("token", tokens)):
                if getattr(dut, f"{name}__valid").value and getattr(dut, f"{name}__ready").value:
                    clocks.append(number)
            for name, clocks in (("busy", busy), ("begin", begun)):
                if getattr(dut, name).value:
                    clocks.append(number)

    await start(dut)
    cocotb.start_soon(watch())
    await reseed(dut, 0)
    bench.settings(vocabulary, ONE)
    count = -(-vocabulary // vector)
    for wait in (0, vocabulary + 40):
        del taken[:], tokens[:], busy[:], begun[:]
        await bench.begin()
        await ClockCycles(dut.clk, max(wait, 1))
        bench.logits.send(*beats(random.integers(-9, 9, vocabulary), vector, top()))
        await bench.token.recv()
        await ClockCycles(dut.clk, 2)
        if wait:
            assert taken == list(range(taken[0], taken[0] + count))
        else:
            first = begun[0] + vector + component.noise.LATENCY
            assert taken == [*range(first, first + vector * (count - 1), vector),
                             begun[0] + vocabulary + component.noise.LATENCY]
        assert tokens == [taken[-1] + component.latency]
        assert busy == list(range(taken[0] + 1, tokens[0] + 1))
