"""The clocks that compiler/clocks.py counts with are those of the gateware and of the memory."""

import random
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from tritone.common.config import NARROW, TINY, VIRTUAL, Config
from tritone.common.formats import COMPACT
from tritone.compiler import clocks
from tritone.rtl.credit_queue import CreditQueue
from tritone.rtl.glu import Glu
from tritone.rtl.mlgru import Mlgru
from tritone.rtl.normaliser import Normaliser
from tritone.rtl.quantiser import Quantiser
from tritone.rtl.residual_adder import ResidualAdder
from tritone.rtl.results import Results
from tritone.rtl.sampler import Sampler
from tritone.rtl.scalar_unit import ScalarUnit
from tritone.rtl.scale import Scale
from tritone.rtl.silu import Silu
from tritone.rtl.ternary_array import TernaryArray
from tritone.sim import memory
from tritone.sim.memory import MemoryTwin

LARGE = Config(name="large", rows=8, inputs=40, vector=8, max_hidden=64, max_inner=128)
CONFIGS = [NARROW, TINY, VIRTUAL, LARGE, replace(TINY, name="compact", formats=COMPACT)]
SPANS = [(2, 12), (3, 150), (260, 1), (700, 33), (701, 2)]  # earliest clock, words


@pytest.mark.parametrize("constant, gateware", [
    ("V_LATENCY", Normaliser.latency), ("QUANTISE", Quantiser.latency),
    ("SCALE_LATENCY", Scale.LATENCY),
    ("SILU", Silu.LATENCY), ("MLGRU", Mlgru.LATENCY),
    ("QUICK", ScalarUnit.QUICK),
    ("ADD", ResidualAdder.LATENCY), ("DRAIN", Results.DRAIN), ("QUEUE", memory.QUEUE_DEPTH)])
def test_a_constant_is_that_of_the_gateware(constant, gateware):
    assert getattr(clocks, constant) == gateware


def test_a_credit_pipe_is_a_credit_queue():
    pipe = clocks.CreditPipe
    assert (pipe.DEPTH, pipe.FREED) == (CreditQueue.DEPTH, CreditQueue.FREED)


def machine(config):
    header = SimpleNamespace(token_words=1, body_words=1, vocabulary=1, hidden=1, embedding_words=1)
    return clocks.Machine(SimpleNamespace(header=header, commands=()), config, sampling=True)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.name)
def test_what_depends_on_the_config_is_that_of_the_gateware(config):
    m, scalars = machine(config), ScalarUnit(config)
    assert (m.prepare, m.reciprocal, m.scale) == (
        scalars.PREPARE, scalars.RECIPROCAL, scalars.SCALE)
    assert m.summary == Normaliser(config).summary_latency
    assert m.product == Glu(config).latency
    assert clocks.SAMPLER + config.vector == Sampler(config).latency
    array = TernaryArray(config)
    assert m.row_latency + m.queue == array.latency
    assert m.places == array.queue.depth


class Words:
    """rtl/tape_reader.py clock by clock with a MemoryTwin: when each word can be taken.

    The taker waits `gaps[n]` clocks after word n - 1 before it takes word n.
    """

    def __init__(self, config, spans, gaps):
        self.config, self.spans, self.gaps = config, list(spans), gaps
        self.twin = MemoryTwin(config)
        self.remaining = self.claimed = self.offered = self.freed = 0
        self.available, self.taken = [], []
        clock = 0
        while len(self.taken) < len(gaps):
            self._clock(clock)
            clock += 1

    def _clock(self, clock):
        burst = self.offered
        room = self.claimed <= self.config.prefetch_words - self.config.burst_words
        asked = bool(burst) and self.twin.ready
        if asked:
            self.offered = 0
        elif not burst and room:
            self.offered = min(self.remaining, self.config.burst_words)
        if self.twin.valid:
            self.available.append(clock + clocks.FIFO)
        n = len(self.taken)
        taken = n < len(self.available) and clock >= max(
            self.available[n], self.taken[-1] + self.gaps[n] if n else 0)
        if not self.remaining and self.spans and clock >= self.spans[0][0]:
            self.remaining = self.spans.pop(0)[1]
        self.twin.edge((0, burst) if asked else None)
        if asked:
            self.remaining -= burst
        if taken:
            self.taken.append(clock)
        self.claimed += (burst if asked else 0) - self.freed
        self.freed = taken


def predicted(config, spans, gaps):
    source, before = clocks.WordSource(config, spans), None
    available = []
    for gap in gaps:
        available.append(source.next())
        before = available[-1] if before is None else max(available[-1], before + gap)
        source.taken.append(before)
    return available


def gaps_of(generator, kind, words):
    """Clocks from word to word: a greedy taker, one with pauses, one that stops for long."""
    if kind == "greedy":
        return [1] * words
    if kind == "pauses":
        return [generator.choice((1, 1, 1, 2, 5)) for _ in range(words)]
    return [200 if generator.random() < 0.05 else 1 for _ in range(words)]


@pytest.mark.parametrize("kind", ["greedy", "pauses", "stops"])
@pytest.mark.parametrize("rate", ["1", "4/5", "1/2", "3/7"])
def test_words_come_at_the_clocks_of_the_memory(rate, kind):
    generator = random.Random(f"{rate} {kind}")
    for latency in (1, 2, 7, 20, 33):
        for burst in (1, 3, 8, 16):
            config = Config(name="x", memory_rate=Fraction(rate), memory_latency=latency,
                            burst_words=burst, prefetch_words=generator.choice(
                                (2 * burst, 2 * burst + 3, 64)))
            gaps = gaps_of(generator, kind, sum(words for _, words in SPANS))
            assert predicted(config, SPANS, gaps) == Words(config, SPANS, gaps).available, config


@pytest.mark.parametrize("seed", range(6))
def test_words_of_random_spans_come_at_the_clocks_of_the_memory(seed):
    generator = random.Random(seed)
    for _ in range(15):
        burst = generator.randrange(1, 20)
        config = Config(name="x", burst_words=burst, memory_latency=generator.randrange(1, 60),
                        prefetch_words=2 * burst + generator.randrange(50),
                        memory_rate=Fraction(generator.randrange(1, 10),
                                             generator.randrange(9, 14)))
        spans, clock = [], 0
        for _ in range(8):
            clock += generator.randrange(60)
            spans.append((clock, generator.randrange(1, 70)))
        gaps = gaps_of(generator, generator.choice(["greedy", "pauses", "stops"]),
                       sum(words for _, words in spans))
        assert predicted(config, spans, gaps) == Words(config, spans, gaps).available, \
            (config, spans)
