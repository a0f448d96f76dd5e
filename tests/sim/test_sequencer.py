"""Sequencer, case by case of sim/tb_sequencer.py."""

import pytest

from tritone.rtl.sequencer import Sequencer
from tritone.sim.bench import machine
from tritone.sim.runner import cases, made, run

# What is judged of a header does not depend on the width of its words.
WIDE = [c for c in cases("tb_sequencer") if not c.startswith("a_bad_header")]


def check(case, parameters):
    run(made(Sequencer, machine(parameters)), "tb_sequencer", case, parameters=parameters)


@pytest.mark.parametrize("case", cases("tb_sequencer"))
def test_sequencer(case):
    check(case, {"preset": "tiny", "changes": {}})


@pytest.mark.parametrize("case", WIDE + ["a_bad_header_is_refused/what=3",
                                         "a_bad_header_is_refused/what=8"])
def test_sequencer_with_words_of_128_bits(case):
    check(case, {"preset": "virtual", "changes": {"max_layers": 8}})
