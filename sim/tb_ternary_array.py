"""TernaryArray against golden.ternary_array, and its clocks against its docstring."""

from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.config import preset
from ..compiler.packing import pack_words
from ..model.golden import Golden
from ..rtl.ternary_array import TernaryArray, matrix_layout
from .streams import StreamSink, StreamSource, parameters, start

# (outputs, inputs, release): one group or many, one chunk or many, whole or not, codes used again.
MATRICES = [(13, 64, 0), (8, 64, 1), (7, 21, 1), (1, 3, 0), (9, 3, 1), (40, 60, 1), (32, 5, 1),
            (3, 64, 0), (64, 64, 0), (2, 64, 1), (8, 10, 1)]


def array():
    """The component under test, here only for its sizes and shapes."""
    p = parameters()
    return TernaryArray(preset(p["preset"], **p["changes"]), columns=p["columns"])


class Work:
    """Everything to send to an array for some matrices, and what must come out."""

    def __init__(self, box, seed=3):
        self.box, self.random = box, np.random.default_rng(seed)
        self.codes, self.matrices, self.words, self.sums = [], [], [], []
        self.vector = None  # [columns, inputs] in the bank

    def add(self, outputs, inputs, release=1, vector=None, trits=None):
        """A matrix; it has the vector of the one before unless that released it."""
        config, columns = self.box.config, self.box.columns
        if self.vector is None:
            self.vector = self.random.integers(-127, 128, (columns, inputs)) if vector is None \
                else vector
            self.add_codes(self.vector, config.vector)
        if trits is None:
            trits = self.random.integers(-1, 2, (outputs, inputs)).astype(np.int8)
        function = int(self.random.integers(8))
        self.matrices.append({"chunks": -(-inputs // config.inputs), "rows": outputs,
                              "function": function, "release": release})
        packed = pack_words(trits, config).reshape(-1, config.array_bytes)
        self.words += [int.from_bytes(word.tobytes(), "little") for word in packed]
        self.add_sums(self.vector, trits, {"function": function, "release": release})
        if release:
            self.vector = None

    def add_codes(self, vector, size):
        columns, inputs = vector.shape
        padded = np.pad(vector, ((0, 0), (0, -inputs % size)))
        beats = padded.reshape(columns, -1, size).transpose(1, 0, 2).reshape(-1, columns * size)
        self.codes += [{"codes": beat, "last": int(n == len(beats) - 1)}
                       for n, beat in enumerate(beats.tolist())]

    def add_sums(self, vector, trits, matrix):
        config, outputs = self.box.config, len(trits)
        rows, size = config.rows, config.vector
        model = Golden(SimpleNamespace(formats=config.formats, head_trits=trits, layers=[]))
        sums = np.pad(model.ternary_array(vector, trits), ((0, 0), (0, -outputs % rows)))
        beats = [{"values": sums[column, place:place + size].tolist(), "first": 0, "last": 0}
                 for group in range(0, outputs, rows) for column in range(len(vector))
                 for place in range(group, min(group + rows, outputs), size)]
        beats[0]["first"] = beats[-1]["last"] = 1
        self.sums += [beat | matrix for beat in beats]


class Bench:
    """An array with all its streams, and the clocks in which things happened."""

    def __init__(self, dut, box, idle=0, stall=0):
        self.dut, self.box = dut, box
        self.codes = StreamSource(dut, "codes", box.codes.payload.shape(), idle=idle)
        self.matrices = StreamSource(dut, "matrices", matrix_layout, idle=idle)
        self.trits = self.trits_source(idle)
        self.sums = StreamSink(dut, "sums", box.sums.payload.shape(), stall=stall)
        self.clocks = {"codes": [], "vector": [], "matrices": [], "trits": [], "sums": [],
                       "busy": [], "waiting": []}
        cocotb.start_soon(self.watch())

    def send(self, work):
        self.codes.send(*work.codes)
        self.matrices.send(*work.matrices)
        self.trits.send(*work.words)

    def trits_source(self, idle):
        return StreamSource(self.dut, "trits", idle=idle)

    def moved(self, name):
        """Whether stream `name` transfers in this clock."""
        return (getattr(self.dut, f"{name}__valid").value
                and getattr(self.dut, f"{name}__ready").value)

    async def watch(self):
        dut, number = self.dut, 0
        while True:
            await RisingEdge(dut.clk)
            for name in ("codes", "matrices", "trits", "sums"):
                if self.moved(name):
                    self.clocks[name].append(number)
                    if name == "codes" and int(dut.codes__payload.value) >> len(
                            dut.codes__payload) - 1:
                        self.clocks["vector"].append(number)
            for name in ("busy", "waiting"):
                if getattr(dut, name).value:
                    self.clocks[name].append(number)
            number += 1


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0, 0.9), (0.4, 0.3)]))
async def sums_match(dut, idle, stall):
    bench, work = Bench(dut, array(), idle, stall), Work(array())
    for matrix in MATRICES:
        work.add(*matrix)
    await start(dut)
    bench.send(work)
    await bench.sums.expect(work.sums)
    await bench.sums.quiet(50)
    assert len(bench.clocks["busy"]) == len(bench.clocks["trits"]) == len(work.words)


@cocotb.test
async def largest_sums_fit(dut):
    box = array()
    inputs, rows = box.config.max_inner, box.config.rows
    work = Work(box)
    trits = np.where(np.arange(rows)[:, None] % 2, -1, 1) * np.ones((1, inputs))
    work.add(rows, inputs, vector=np.full((box.columns, inputs), 127), trits=trits.astype(np.int8))
    signs = np.where(np.arange(inputs) % 3, -1, 1)
    trits = trits * signs
    work.add(rows, inputs, vector=np.tile(127 * signs, (box.columns, 1)),
             trits=trits.astype(np.int8))
    await start(dut)
    bench = Bench(dut, box)
    bench.send(work)
    await bench.sums.expect(work.sums)


@cocotb.test
async def words_wait_for_nothing(dut):
    """One word a clock in a matrix, one clock between two; the clocks that the class promises."""
    box = array()
    chunks = max(box.queue.beats, 3)
    inputs, rows = chunks * box.config.inputs, box.config.rows
    work = Work(box)
    groups = 6, 1, 9, 5
    for n, release in zip(groups, (0, 0, 1, 1)):
        work.add(n * rows - (n == 9), inputs, release)
    await start(dut)
    bench = Bench(dut, box)
    bench.codes.send(*work.codes)
    while len(bench.clocks["vector"]) < 2:
        await RisingEdge(dut.clk)
    bench.matrices.send(*work.matrices)
    bench.trits.send(*work.words)
    await bench.sums.expect(work.sums)
    words, first = bench.clocks["busy"], bench.clocks["busy"][0]
    matrix = np.repeat(np.arange(len(groups)), groups)  # a clock lies between two
    assert words == [first + n + matrix[n // chunks] for n in range(len(work.words))]
    assert first == bench.clocks["matrices"][0] + 2
    assert bench.clocks["sums"][0] == words[chunks - 1] + box.latency
    beats = box.queue.beats
    assert bench.clocks["sums"][beats - 1] == bench.clocks["sums"][0] + beats - 1
    assert bench.clocks["sums"][beats] == bench.clocks["sums"][0] + chunks
    # The bank of the third matrix, the first to release one, is written again from the next clock.
    work = Work(box, seed=4)
    work.add(rows, inputs)
    bench.codes.send(*work.codes)
    bench.trits.send(*work.words)
    bench.matrices.send(*work.matrices)
    await bench.sums.expect(work.sums)


@cocotb.test
async def codes_are_awaited(dut):
    """First word in the clock after the last code; `waiting` until then; a bank is free at once."""
    box, work = array(), Work(array())
    for _ in range(3):
        work.add(2 * box.config.rows, 4 * box.config.inputs)
    await start(dut)
    bench = Bench(dut, box)
    bench.matrices.send(*work.matrices)
    bench.trits.send(*work.words)
    await ClockCycles(dut.clk, 20)
    assert not bench.clocks["busy"]
    bench.codes.send(*work.codes)
    await bench.sums.expect(work.sums)
    assert bench.clocks["busy"][0] == bench.clocks["vector"][0] + 1
    assert bench.clocks["waiting"][-1] <= bench.clocks["vector"][-1]
    assert set(range(10, bench.clocks["vector"][0] + 1)) <= set(bench.clocks["waiting"])
    assert not set(bench.clocks["waiting"]) & set(bench.clocks["busy"])


@cocotb.test
async def a_released_bank_is_written_two_clocks_later(dut):
    box, work = array(), Work(array())
    for _ in range(3):
        work.add(2 * box.config.rows, 8 * box.config.inputs)
    await start(dut)
    bench = Bench(dut, box)
    bench.codes.send(*work.codes)
    await ClockCycles(dut.clk, 3 * 8 * box.config.inputs // box.config.vector)
    assert len(bench.clocks["vector"]) == 2
    taken = len(bench.clocks["codes"])
    bench.matrices.send(*work.matrices)
    bench.trits.send(*work.words)
    await bench.sums.expect(work.sums)
    assert bench.clocks["codes"][taken] == bench.clocks["busy"][2 * 8 - 1] + 2


@cocotb.test
async def groups_of_one_word_follow_at_the_rate_of_their_sums(dut):
    """SumQueue's rule: completing words `beats` clocks apart, and sums without a gap."""
    box, work = array(), Work(array())
    work.add(40 * box.config.rows, box.config.inputs)
    await start(dut)
    bench = Bench(dut, box)
    bench.send(work)
    await bench.sums.expect(work.sums)
    beats, words, sums = box.queue.beats, bench.clocks["busy"], bench.clocks["sums"]
    assert np.all(np.diff(words) == beats)
    assert np.all(np.diff(sums) == 1)


@cocotb.test
async def sums_that_nobody_takes_stop_the_words(dut):
    """As many groups are taken as the queue holds, and no word that completes a further one."""
    box, work, before = array(), Work(array()), Work(array(), seed=5)
    for _ in range(8):
        before.add(1, box.config.inputs)  # rows that are dropped must give their places back
    work.add(40 * box.config.rows, 2 * box.config.inputs)
    await start(dut)
    bench = Bench(dut, box)
    bench.send(before)
    await bench.sums.expect(before.sums)
    await ClockCycles(dut.clk, 50)
    bench.sums.set_pause(1)
    taken = len(bench.clocks["busy"])
    bench.send(work)
    await ClockCycles(dut.clk, 500)
    groups = box.queue.depth // box.queue.beats
    assert len(bench.clocks["busy"]) - taken == 2 * groups + 1
    bench.sums.set_pause(0)
    await bench.sums.expect(work.sums)
    await bench.sums.quiet(50)
