"""Sampler against the golden sampler, and its clocks against its docstring."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.config import preset
from ..common.generator import MASK, SEED_MIX, SHIFTS
from ..model.sampler import Sampler as GoldenSampler
from ..rtl import sampler
from .streams import StreamSink, StreamSource, parameters, start

TOP = (1 << 31) - 1
ONE = 1 << 12  # temperature 1
# (vocabulary, temperature, largest magnitude of a logit)
DRAWS = [(100, ONE, 2 << 16), (7, 0, 3), (1, ONE, 5), (64, (1 << 16) - 1, TOP), (257, ONE, 0),
         (33, 0, TOP), (2, ONE // 2, 1 << 15), (150, 3 * ONE, 4 << 16)] + [(21, ONE, 1 << 16)] * 12


def box():
    """The component under test, here only for its sizes and shapes."""
    return sampler.Sampler(preset(parameters()["preset"]))


def beats(logits, vector, top=TOP):
    """The payloads of one token's logits; what fills the last beat would win if it counted."""
    padded = np.concatenate([logits, np.full(-len(logits) % vector, top)]).reshape(-1, vector)
    return [{"values": values, "first": int(n == 0), "last": int(n == len(padded) - 1)}
            for n, values in enumerate(padded.tolist())]


async def reseed(dut, seed):
    dut.seed.value = seed
    dut.reseed.value = 1
    await RisingEdge(dut.clk)
    dut.reseed.value = 0
    dut.seed.value = ~seed & ((1 << 64) - 1)


class Bench:
    """A sampler with both its streams."""

    top = TOP  # the largest logit

    def __init__(self, dut, vector, idle=0, stall=0):
        self.dut, self.vector = dut, vector
        self.logits = StreamSource(dut, "logits", box().beat_layout, idle=idle)
        self.token = StreamSink(dut, "token", stall=stall)
        dut.reseed.value = 0

    def settings(self, vocabulary, temperature):
        self.dut.vocabulary.value = vocabulary
        self.dut.temperature.value = temperature

    async def draw(self, golden, logits, temperature):
        """One token through both."""
        self.settings(len(logits), temperature)
        self.logits.send(*beats(logits, self.vector, self.top))
        token, expected = await self.token.recv(), golden.sample(logits, temperature)
        assert token == expected, f"token {token} of {len(logits)}, expected {expected}"


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0.5, 0), (0, 0.7), (0.3, 0.3)]))
async def tokens_match(dut, idle, stall):
    bench, random = Bench(dut, box().config.vector, idle, stall), np.random.default_rng(9)
    await start(dut)
    for seed in (0, 12345, SEED_MIX):  # the last would make a state of zero
        golden = GoldenSampler(seed)
        await reseed(dut, seed)
        for vocabulary, temperature, largest in DRAWS:
            logits = random.integers(-largest, largest, vocabulary, endpoint=True)
            await bench.draw(golden, logits, temperature)
    await bench.token.quiet(40)


def seed_of(uniform, rest):
    """The seed whose first random number is `uniform`; `rest`: the 32 lower bits of the state."""
    state = uniform << 32 | rest
    for shift in reversed(SHIFTS):  # undoes generator.step: s ^ t, s ^ 2t, s ^ 4t ... from s ^ t
        left, done = shift != SHIFTS[1], shift
        while done < 64:
            state ^= (state << done) & MASK if left else state >> done
            done *= 2
    return state ^ SEED_MIX


@cocotb.test
async def variates_are_exact(dut):
    """Logits chosen so that two scores are equal, or the second is greater by one."""
    bench, random = Bench(dut, box().config.vector), np.random.default_rng(10)
    await start(dut)
    ends = [0, 1, 2, 3, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1]
    octaves = [n for k in range(2, 31, 4) for n in (1 << k, (1 << 32) - (1 << k) - 1)]
    for uniform in ends + octaves + random.integers(0, 1 << 32, 40).tolist():
        seed = seed_of(uniform, int(random.integers(1 << 32)))
        assert GoldenSampler(seed).uniforms(1) == uniform
        temperature = int(random.integers(1, 1 << 16)) if uniform else (1 << 16) - 1
        noise = temperature * GoldenSampler(seed).gumbel(GoldenSampler(seed).uniforms(2)) >> 8
        # Equal scores, where that can be such that one more crosses the end of a logit's range.
        low, high = noise.min(), noise.max()
        first, second = (TOP if low > 0 else -TOP - 2 if high < 0 else 0) - noise
        for more in (0, 1):
            golden = GoldenSampler(seed)
            await reseed(dut, seed)
            await bench.draw(golden, np.array([first, second + more]), temperature)


@cocotb.test
@cocotb.parametrize(stall=[0, 0.8])
async def first_of_equals_wins(dut, stall):
    bench, random = Bench(dut, box().config.vector, stall=stall), np.random.default_rng(11)
    await start(dut)
    golden = GoldenSampler(0)
    await reseed(dut, 0)
    for high in (TOP, 0, -TOP - 1):
        for _ in range(10):
            logits = np.where(random.random(30) < 0.1, high, max(high - 1, -TOP - 1))
            await bench.draw(golden, logits, 0)


@cocotb.test
async def tokens_follow_each_other(dut):
    """Logits of the next token may come while the one before is on its way, or waits."""
    vector = box().config.vector
    bench, random, golden = Bench(dut, vector, stall=0.9), np.random.default_rng(12), \
        GoldenSampler(5)
    await start(dut)
    await reseed(dut, 5)
    many = [random.integers(-(1 << 17), 1 << 17, 9) for _ in range(40)]
    bench.settings(9, ONE)
    for logits in many:
        bench.logits.send(*beats(logits, vector))
    await bench.token.expect([golden.sample(logits, ONE) for logits in many])
    await bench.token.quiet(40)


@cocotb.test
async def clocks_are_as_promised(dut):
    """A beat every `vector` clocks, the token `latency` clocks after the last one; `busy`."""
    component, random = box(), np.random.default_rng(13)
    vector, vocabulary = component.config.vector, 63
    await start(dut)
    bench = Bench(dut, vector)
    await reseed(dut, 0)
    bench.settings(vocabulary, ONE)
    await ClockCycles(dut.clk, 5)
    taken, busy, tokens, number = [], [], [], 0
    bench.logits.send(*beats(random.integers(-9, 9, vocabulary), vector))
    while len(bench.token.queue) < 1:
        await RisingEdge(dut.clk)
        number += 1
        if dut.logits__valid.value and dut.logits__ready.value:
            taken.append(number)
        if dut.token__valid.value and dut.token__ready.value:
            tokens.append(number)
        if dut.busy.value:
            busy.append(number)
    count = -(-vocabulary // vector)
    assert taken == list(range(taken[0], taken[0] + count * vector, vector))
    assert tokens == [taken[-1] + component.latency]
    assert busy == list(range(taken[0] + 1, tokens[0] + 1))
