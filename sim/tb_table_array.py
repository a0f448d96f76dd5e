"""TableArray against golden.ternary_array, and its clocks against its docstring."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.config import preset
from ..common.triples import STEPS
from ..rtl.interfaces import WordsSignature
from ..rtl.table_array import TableArray
from .streams import WordsSource, parameters, start
from .tb_ternary_array import Bench, Work

# (outputs, chunks of inputs, release): a block or more, whole or not, codes used again.
MATRICES = [(13, 2.4, 0), (8, 2.4, 0), (70, 2.4, 1), (7, 1, 1), (1, 0.2, 0), (150, 0.2, 1),
            (40, 3, 1), (3, 1, 0), (64, 1, 0), (2, 1, 1), (1, 2, 1), (9, 0.1, 1)]


DELAY = WordsSignature.DELAY


class TableBench(Bench):
    """An array of tables with all its streams; clocks["trits"] are those in which it takes words.
    """

    def trits_source(self, _idle):
        return WordsSource(self.dut, "trits")

    def moved(self, name):
        return self.dut.trits__take.value if name == "trits" else super().moved(name)


def array():
    """The component under test, here only for its sizes and shapes."""
    p = parameters()
    return TableArray(preset(p["preset"], **p["changes"]))


def first_word(box, beats, free=0):
    """The clock in which the first word of a chunk is taken whose codes came in clocks `beats`, by
    the docstrings: the step that adds the code of a place waits for its last beat. `free`: the
    clock after the one in which the last word before was taken."""
    third = len(beats) // 3
    ready = [beats[len(beats) - 1 - (2 - place) * third] + 1 for place in range(3)]
    clock = free + DELAY - 2
    for place, _ in STEPS:
        clock = max(clock + 1, ready[place])
    return clock + 2 - DELAY


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0, 0.9), (0.4, 0.3)]))
async def sums_match(dut, idle, stall):
    box = array()
    bench, work = TableBench(dut, box, idle, stall), Work(box)
    for outputs, chunks, release in MATRICES:
        work.add(outputs, max(1, int(chunks * box.config.inputs)), release)
    await start(dut)
    bench.send(work)
    await bench.sums.expect(work.sums)
    await bench.sums.quiet(50)
    assert bench.clocks["busy"] == bench.clocks["trits"]
    assert len(bench.clocks["trits"]) == len(work.words)


@cocotb.test
async def largest_sums_fit(dut):
    box = array()
    inputs, rows = box.config.max_inner, box.config.rows
    work = Work(box)
    trits = np.where(np.arange(rows)[:, None] % 2, -1, 1) * np.ones((1, inputs))
    work.add(rows, inputs, vector=np.full((1, inputs), 127), trits=trits.astype(np.int8))
    signs = np.where(np.arange(inputs) % 3, -1, 1)
    work.add(rows, inputs, vector=(127 * signs)[None], trits=(trits * signs).astype(np.int8))
    await start(dut)
    bench = TableBench(dut, box)
    bench.send(work)
    await bench.sums.expect(work.sums)


@cocotb.test
async def every_triple_is_in_the_tables(dut):
    """Each of the 27 at each group, one output a triple."""
    box = array()
    inputs = box.config.inputs
    triples = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(27, 3)
    work = Work(box)
    for shift in range(3):
        # The same triple of trits for neighbours and for lanes of neighbouring beats.
        work.add(27, inputs, trits=triples[:, (np.arange(inputs) + shift) % 3].astype(np.int8))
        beat = np.arange(inputs) // box.config.vector
        work.add(27, inputs, trits=triples[:, (beat + shift) % 3].astype(np.int8))
    await start(dut)
    bench = TableBench(dut, box)
    bench.send(work)
    await bench.sums.expect(work.sums)


@cocotb.test
async def words_wait_only_for_tables(dut):
    """One word a clock within a chunk of a block; the clocks that the class promises."""
    box = array()
    config, beats = box.config, box.queue.beats
    block = config.block_groups
    work = Work(box)
    work.add(config.rows * (block + 2), 2 * config.inputs)
    await start(dut)
    bench = TableBench(dut, box)
    bench.matrices.send(*work.matrices)
    bench.trits.send(*work.words)
    await ClockCycles(dut.clk, 20)
    assert not bench.clocks["trits"] and len(bench.clocks["waiting"]) >= 15
    bench.codes.send(*work.codes)
    await bench.sums.expect(work.sums)
    chunk = config.inputs // config.vector
    codes = bench.clocks["codes"]
    expected, clock = [], first_word(box, codes[:chunk])
    assert codes[chunk - 1] + 10 <= clock + DELAY <= codes[chunk - 1] + box.fill + 1
    for groups in (block, 2):
        for pace in (1, beats):
            expected += range(clock, clock + groups * pace, pace)
            clock = expected[-1] + box.fill  # all codes are there
    assert bench.clocks["trits"] == expected
    assert bench.clocks["sums"][0] == expected[block] + box.latency
    assert np.all(np.diff(bench.clocks["sums"][:block * beats]) == 1)
    assert not set(bench.clocks["waiting"]) & set(bench.clocks["trits"])


@cocotb.test
async def matrices_of_the_same_codes_follow_without_a_gap(dut):
    """Tables of one chunk last for all matrices of a vector; the next vector comes meanwhile."""
    box = array()
    config, beats = box.config, box.queue.beats
    groups = config.block_groups + 3
    work = Work(box)
    for release in (0, 1, 1):
        work.add(config.rows * groups, config.inputs, release)
    await start(dut)
    bench = TableBench(dut, box)
    bench.send(work)
    await bench.sums.expect(work.sums)
    words = bench.clocks["trits"]
    first = list(range(words[0], words[0] + 2 * groups * beats, beats))
    vector = bench.clocks["codes"][config.inputs // config.vector]  # its first beat
    assert words[:2 * groups] == first
    assert vector == first[groups] + DELAY
    chunk = config.inputs // config.vector
    follows = first_word(box, bench.clocks["codes"][chunk:2 * chunk], first[-1] + 1)
    assert words[2 * groups:] == list(range(follows, follows + groups * beats, beats))


@cocotb.test
async def codes_are_released_after_their_last_fill(dut):
    """With two chunks: in the clock after the second fill, while the chunk is multiplied."""
    box = array()
    config = box.config
    work = Work(box)
    for _ in range(2):
        work.add(config.rows * config.block_groups, 2 * config.inputs)
    await start(dut)
    bench = TableBench(dut, box)
    bench.send(work)
    await bench.sums.expect(work.sums)
    second = bench.clocks["trits"][config.block_groups]
    assert bench.clocks["codes"][2 * config.inputs // config.vector] == second + DELAY


@cocotb.test
async def sums_that_nobody_takes_stop_the_words(dut):
    """As many groups are taken as the queue holds, and no word that completes a further one."""
    box, work, before = array(), Work(array()), Work(array(), seed=5)
    for _ in range(8):
        before.add(1, box.config.inputs)  # rows that are dropped must give their places back
    work.add(40 * box.config.rows, box.config.inputs)
    await start(dut)
    bench = TableBench(dut, box)
    bench.send(before)
    await bench.sums.expect(before.sums)
    bench.sums.set_pause(1)
    await RisingEdge(dut.clk)
    taken = len(bench.clocks["trits"])
    bench.send(work)
    await ClockCycles(dut.clk, 500)
    assert len(bench.clocks["trits"]) - taken == box.queue.depth // box.queue.beats
    bench.sums.set_pause(0)
    await bench.sums.expect(work.sums)
    await bench.sums.quiet(50)
