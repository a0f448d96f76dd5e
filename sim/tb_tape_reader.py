"""TapeReader: the words of random spans, in order, from steady and from unsteady memories."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from ..rtl.tape_reader import TapeReader
from .bench import UnsteadyMemory, machine
from .elementwise import Clocks
from .memory import attach
from .streams import StreamSink, StreamSource, parameters, start


class Bench:
    def __init__(self, dut, memory, *, idle=0, stall=0, seed=1):
        self.config = config = machine(parameters())
        self.random = random.Random(seed)
        self.contents = [self.random.getrandbits(config.word_bits)
                         for _ in range(config.memory_words)]
        if memory == "twin":
            attach(dut, config, self.contents)
        else:
            self.memory = UnsteadyMemory(dut, config, self.contents, seed=seed)
        self.reads = StreamSource(dut, "spans", TapeReader(config).spans.payload.shape(), idle=idle)
        self.words = StreamSink(dut, "words", stall=stall)
        self.requests, self.memory_words, self.spans, self.taken = (
            Clocks(dut, name) for name in ("memory__requests", "memory__words", "spans", "words"))

    def send(self, spans):
        """Queues spans [(address, words)]; returns the words that they hold."""
        self.reads.send(*({"address": at, "words": count} for at, count in spans))
        return [self.contents[at + n] for at, count in spans for n in range(count)]


def random_spans(generator, config, count):
    """Lengths around those of bursts, short ones, and one longer than the FIFO."""
    burst = config.burst_words
    lengths = [1, burst - 1, burst, burst + 1, 2 * burst, config.prefetch_words + burst + 3, 1, 1]
    lengths += [generator.randrange(1, 3 * burst) for _ in range(count)]
    return [(generator.randrange(config.memory_words - n + 1), n) for n in lengths]


@cocotb.test
@cocotb.parametrize((("memory", "idle", "stall"), [
    ("twin", 0, 0), ("twin", 0.4, 0.5), ("unsteady", 0, 0), ("unsteady", 0.5, 0.8)]))
async def words_match(dut, memory, idle, stall):
    await start(dut)
    bench = Bench(dut, memory, idle=idle, stall=stall)
    expected = bench.send(random_spans(bench.random, bench.config, 30))
    await bench.words.expect(expected)
    await bench.words.quiet(100)


@cocotb.test
async def never_more_is_asked_for_than_the_fifo_holds(dut):
    """No word is taken: the FIFO fills up to where no burst fits, and no further."""
    await start(dut)
    bench = Bench(dut, "unsteady", stall=1)
    config, memory = bench.config, bench.memory
    burst, room = config.burst_words, config.prefetch_words
    spans = [(n, 1 + n % burst) for n in range(5)] + [(n, burst) for n in range(8)]
    expected = bench.send(spans)
    await ClockCycles(dut.clk, 12 * room)
    for taken in range(2 * burst + 2):  # a word goes at a time
        held = memory.requested - len(bench.taken.passed)
        assert memory.delivered == memory.requested and len(bench.taken.passed) == taken
        assert room - burst < held <= room, f"{held} words for a FIFO of {room}"
        bench.words.set_pause(0)
        await ClockCycles(dut.clk, 1)
        bench.words.set_pause(1)
        await ClockCycles(dut.clk, 8 * burst)
    bench.words.set_pause(0.2)
    await bench.words.expect(expected)


@cocotb.test
async def clocks_are_as_promised(dut):
    """With a word a clock from the memory: one a clock through the FIFO, four clocks behind."""
    await start(dut)
    bench = Bench(dut, "twin")
    burst = bench.config.burst_words
    counts = [5 * burst, 1, burst, burst + 1, 7, 60]
    expected = bench.send([(100 * n, count) for n, count in enumerate(counts)])
    await bench.words.expect(expected)
    assert bench.taken.passed == [n + 4 for n in bench.memory_words.passed]
    assert bench.requests.passed[0] == bench.spans.passed[0] + 2
    asked = iter(bench.requests.passed)
    for count, later in zip(counts, bench.spans.passed[1:]):
        last = [next(asked) for _ in range(-(-count // burst))][-1]
        assert later == last + 1, "the next span is taken a clock after the last burst"
