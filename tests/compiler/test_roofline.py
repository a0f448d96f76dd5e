"""Bounds of a token by hand, and where its clocks went."""

import pytest

from tritone.common.counters import COUNTERS
from tritone.compiler.roofline import Roofline, passes, where_the_clocks_went

# 4,000 trits on 40 lanes take 100 clocks at least; 900 bytes at 3 bytes a clock take 300.
SLOW_MEMORY = Roofline(trits=4000, octets=900, lanes=40, octets_a_clock=3.0)
FAST_MEMORY = Roofline(trits=4000, octets=900, lanes=40, octets_a_clock=18.0)
NO_MEMORY = Roofline(trits=4000, octets=0, lanes=1000, octets_a_clock=0.0)


@pytest.mark.parametrize("line, memory, compute, bound, share", [
    (SLOW_MEMORY, 300, 100, "memory", 0.75), (FAST_MEMORY, 50, 100, "array", 0.25),
    (NO_MEMORY, 0, 4, "array", 0.01)])
def test_bounds(line, memory, compute, bound, share):
    assert (line.memory, line.compute, line.bound) == (memory, compute, bound)
    assert line.clocks == max(memory, compute)
    assert line.share(400) == pytest.approx(share)


def test_states_add_up_to_the_clocks():
    counters = dict.fromkeys(COUNTERS, 0) | {
        "clocks": 1000, "tokens": 4, "array_busy": 600, "memory_stall": 120,
        "array_wait_codes": 80, "normalise_busy": 40, "link_stall": 8}
    states = where_the_clocks_went(counters)
    assert states == {"multiplying": 150, "waiting for the memory": 30, "waiting for codes": 20,
                      "other": 50}
    assert sum(states.values()) == 250
    assert passes(counters) == {"normaliser": 10, "quantiser": 0, "results": 0, "sampler": 0,
                                "link": 2}
