"""What the testbenches of the vector pipeline share: the golden model, hard integers, clocks.

No hardware here but the shapes that its users compare.
"""

from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common import config
from ..common.formats import DEFAULT
from ..model.golden import Golden
from .streams import StreamSink, StreamSource


def machine(*, preset, **changes):
    """Config of the JSON parameters that pytest and the testbench share; formats by name."""
    return config.preset(preset, **changes)


def golden(formats=DEFAULT):
    """Golden with its block functions and no model."""
    return Golden(SimpleNamespace(formats=formats, head_trits=np.zeros((1, 1), np.int8), layers=[]))


def corners(bits, signed=True):
    """The extremes of a format, zero, and its powers of two with their neighbours."""
    found = {0}
    for place in range(bits - signed):
        found |= {(1 << place) - 1, 1 << place, (1 << place) + 1}
    found.add((1 << (bits - signed)) - 1)
    if signed:
        found |= {-x for x in found} | {-(1 << (bits - 1))}
    top = 1 << (bits - signed)
    return sorted(x for x in found if -top <= x < top)


def integers(generator, bits, count, signed=True):
    """`count` integers of all magnitudes alike, one in four from `corners`."""
    hard = corners(bits, signed)
    chosen = []
    for _ in range(count):
        x = generator.getrandbits(generator.randrange(1, bits + 1 - signed))
        x = -x if signed and generator.random() < 0.5 else x
        chosen.append(generator.choice(hard) if generator.random() < 0.25 else x)
    return chosen


def arrays(*columns):
    """Lists of integers as int64 arrays."""
    return [np.array(column, np.int64) for column in columns]


def tags(generator, beats, last=None):
    """One tag a beat, any address; any marks, or those of matrices that end at the beats `last`."""
    if last is None:
        return [{"address": generator.getrandbits(16), "first": generator.getrandbits(1),
                 "last": generator.getrandbits(1)} for _ in range(beats)]
    return [{"address": generator.getrandbits(16), "first": int(n == 0 or n - 1 in last),
             "last": int(n in last)} for n in range(beats)]


def beats(vector, tag, **columns):
    """Payloads of `vector` elements of each column and one `tag` each."""
    return [{name: [int(x) for x in column[n * vector:(n + 1) * vector]]
             for name, column in columns.items()} | {"tag": mark} for n, mark in enumerate(tag)]


class Clocks:
    """Numbers of the clocks in which words passed the stream `name`."""

    def __init__(self, dut, name):
        self.passed = []
        cocotb.start_soon(self._watch(dut.clk, getattr(dut, f"{name}__valid"),
                                      getattr(dut, f"{name}__ready")))

    async def _watch(self, clock, valid, ready):
        number = 0
        while True:
            await RisingEdge(clock)
            if valid.value and ready.value:
                self.passed.append(number)
            number += 1


async def passes(dut, shapes, sent, expected, *, idle, stall, latency):
    """Sends all of `sent` to `i`, expects `expected` on `o` and nothing more.

    Without pauses every word has to take `latency` clocks and to follow the one before it.
    """
    source = StreamSource(dut, "i", shapes[0], idle=idle)
    sink = StreamSink(dut, "o", shapes[1], stall=stall)
    entered, left = Clocks(dut, "i"), Clocks(dut, "o")
    await ClockCycles(dut.clk, 3)
    source.send(*sent)
    await sink.expect(expected)
    await source.drained()
    await sink.quiet(2 * latency)
    if not idle and not stall:
        check_clocks(entered, left, len(sent), latency)


def check_clocks(entered, left, count, latency):
    """One word a clock in, and each out `latency` clocks later."""
    assert len(entered.passed) == count
    assert entered.passed == list(range(entered.passed[0], entered.passed[0] + count)), \
        "words did not enter one a clock"
    found = {b - a for a, b in zip(entered.passed, left.passed, strict=True)}
    assert found == {latency}, f"latencies {found}, expected {latency}"
