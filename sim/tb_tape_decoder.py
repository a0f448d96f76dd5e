"""TapeDecoder: what the tape's writer wrote comes out of the right ports, whoever stalls."""

import random
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.tape import HEADER_FIELDS, Function
from ..compiler.packing import pack_matrix
from ..compiler.tape import Writer, pack_embedding
from ..model.integers import Scalar
from ..rtl.tape_decoder import SpanKind, TapeDecoder
from .bench import machine
from .elementwise import Clocks
from .streams import StreamSink, StreamSource, parameters, start

OUTPUTS = ("fields", "embeddings", "norms", "constants", "pairs", "matrices", "trits")


def cut(data, size):
    """Integers of `size` bytes."""
    return [int.from_bytes(data[n:n + size], "little") for n in range(0, len(data), size)]


class Script:
    """Spans, their words, and what each output has to give."""

    def __init__(self, config, seed):
        self.config, self.random = config, random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.writer = Writer(config)
        self.spans, self.words = [], []
        self.expected = {name: [] for name in OUTPUTS}
        self.waits = []  # of each norm: (wait, matrices before it)
        self.matrices = 0

    def _span(self, kind, data):
        words = cut(data, self.config.word_bytes)
        self.spans.append({"kind": kind.value, "words": len(words)})
        self.words += words

    def header(self):
        data = self.numbers.bytes(4 * HEADER_FIELDS)
        self._span(SpanKind.HEADER, data + bytes(-len(data) % self.config.word_bytes))
        self.expected["fields"] += self.words[-self.spans[-1]["words"]:]

    def embedding(self, hidden):
        f = self.config.formats
        data = pack_embedding(self._signed(f.embedding_bits, (1, hidden)), self.config)
        self._span(SpanKind.EMBEDDING, data)
        self.expected["embeddings"] += self._beats(cut(data, f.pair_bits // 8))

    def _signed(self, bits, shape):
        return self.numbers.integers(-1 << bits - 1, 1 << bits - 1, shape)

    def _beats(self, values):
        v = self.config.vector
        values = values + [0] * (-len(values) % v)
        return [values[n:n + v] for n in range(0, len(values), v)]

    def _scalar(self, bits):
        mantissa = self.random.choice([0, 1 << bits - 1, (1 << bits) - 1,
                                       self.random.getrandbits(bits)])
        exponent = self.random.choice([-512, 511, -1, 0, self.random.randrange(-99, 99)])
        return Scalar(mantissa, exponent)

    def norm(self, length, wait):
        f, repeat = self.config.formats, self.random.random() < 0.5
        floors = self.numbers.integers(0, 1 << f.floor_bits, length) \
            if repeat and self.random.random() < 0.5 else None
        norm = SimpleNamespace(
            source=self.random.choice(["residual", "product"]), floors=floors,
            code_gain=self._signed(f.code_gain_bits, length),
            sum_gain=None if repeat else self._signed(f.sum_gain_bits, length),
            factor=self._scalar(f.scale_bits), energy=self._scalar(f.epsilon_bits),
            constant=self._scalar(f.epsilon_bits))
        self.writer.norm(norm, wait)
        mask = (1 << f.slot_bits) - 1
        low = norm.floors if floors is not None else [0] * length if repeat else norm.sum_gain
        self.expected["norms"].append({"source": int(norm.source == "product"), "length": length,
                                       "repeat": int(repeat), "floors": int(floors is not None)})
        self.expected["constants"].append({
            f"{name}_{part}": getattr(getattr(norm, name), part)
            for name in ("factor", "energy", "constant") for part in ("mantissa", "exponent")})
        self.expected["pairs"] += self._beats([
            (int(a) & mask) | (int(b) & mask) << f.slot_bits for a, b in zip(low, norm.code_gain)])
        self.waits.append((wait, self.matrices))

    def matrix(self, rows, length):
        config, trits = self.config, self.numbers.integers(-1, 2, (rows, length))
        function, release = self.random.choice(list(Function)), self.random.random() < 0.5
        self.writer.matrix(trits, function, release)
        self.expected["matrices"].append({
            "chunks": -(-length // config.inputs), "rows": rows, "function": int(function),
            "release": int(release)})
        packed = pack_matrix(trits, config.rows, config.inputs).tobytes()
        self.expected["trits"] += cut(packed, config.word_bytes)
        self.matrices += 1

    def run(self):
        """Ends the span of the commands written since the last."""
        self._span(SpanKind.COMMANDS, self.writer.take()[0])

    def anything(self, commands):
        for _ in range(commands):
            if self.random.random() < 0.5:
                self.norm(self.random.randrange(1, 40), self.random.random() < 0.5)
            else:
                self.matrix(self.random.randrange(1, 30), self.random.randrange(1, 50))
        self.run()


class Bench:
    """Sources, sinks, and a vector side that writes a matrix back some time after its trits."""

    def __init__(self, dut, script, *, idle=0, stall=0, delay=0):
        self.dut, self.script, self.delay = dut, script, delay
        self.box = box = TapeDecoder(script.config)
        self.spans = StreamSource(dut, "spans", box.spans.payload.shape(), idle=idle)
        self.source = StreamSource(dut, "words", idle=idle)
        self.sinks = {name: StreamSink(dut, name, getattr(box, name).payload.shape(), stall=stall)
                      for name in OUTPUTS}
        self.written = self.trits = 0
        self.settled_after = 0  # clocks
        self.hold = False  # no matrix is written back
        self.norms = {"norms": 0, "constants": 0}
        cocotb.start_soon(self._write_back())
        cocotb.start_soon(self._watch())

    def send(self):
        self.spans.send(*self.script.spans)
        self.source.send(*self.script.words)

    async def expect(self):
        for name, expected in self.script.expected.items():
            await self.sinks[name].expect(expected)
        for sink in self.sinks.values():
            await sink.quiet(10)

    def _passed(self, name):
        return getattr(self.dut, f"{name}__valid").value \
            and getattr(self.dut, f"{name}__ready").value

    async def _write_back(self):
        """Pulses `written` for each matrix that was handed out, after a while."""
        dut, due, clock = self.dut, [], 0
        while True:
            pulse = bool(due) and due[0] <= clock and not self.hold
            dut.written.value = int(pulse)
            dut.settled.value = int(clock >= self.settled_after)
            await RisingEdge(dut.clk)
            if pulse:
                due.pop(0)
                self.written += 1
            if self._passed("matrices"):
                due.append(clock + 2 + self.script.random.randrange(self.delay + 1))
            clock += 1

    async def _watch(self):
        """No norm that waits goes before all matrices are written and the embedding settled."""
        dut, issued = self.dut, 0
        while True:
            written = self.written
            await RisingEdge(dut.clk)
            settled = dut.settled.value
            if dut.idle.value:
                assert issued == written, f"idle with {issued - written} matrices not written"
            for name in self.norms:
                if self._passed(name):
                    wait, before = self.script.waits[self.norms[name]]
                    self.norms[name] += 1
                    assert not wait or written == before == issued, \
                        f"{name}: a norm that waits for {before} matrices went after {written}"
                    assert not wait or settled, f"{name}: went before the embedding settled"
            issued += bool(self._passed("matrices"))


@cocotb.test
@cocotb.parametrize((("idle", "stall", "delay"),
                     [(0, 0, 0), (0, 0.5, 60), (0.5, 0, 300), (0.3, 0.7, 20)]))
async def each_port_gets_its_own(dut, idle, stall, delay):
    config = machine(parameters())
    script = Script(config, 51)
    for hidden in (1, 7, config.max_hidden):
        script.header()
        script.embedding(hidden)
        script.anything(8)
    script.norm(1, True)
    script.run()
    await start(dut)
    bench = Bench(dut, script, idle=idle, stall=stall, delay=delay)
    bench.settled_after = 200
    bench.send()
    await bench.expect()
    await ClockCycles(dut.clk, 400)
    assert dut.idle.value and not dut.starved.value


@cocotb.test
async def a_norm_waits_for_every_matrix_but_only_if_told(dut):
    script = Script(machine(parameters()), 52)
    script.matrix(5, 20)
    script.matrix(9, 5)
    script.norm(12, False)
    script.norm(3, True)
    script.run()
    await start(dut)
    bench = Bench(dut, script)
    bench.hold = True
    bench.send()
    await bench.sinks["norms"].expect(script.expected["norms"][:1])
    await bench.sinks["norms"].quiet(100)
    assert not dut.idle.value
    bench.hold = False
    await bench.sinks["norms"].expect(script.expected["norms"][1:])


@cocotb.test
async def a_norm_that_waits_is_held_until_the_embedding_settled(dut):
    script = Script(machine(parameters()), 53)
    script.embedding(11)
    script.norm(3, True)
    script.run()
    await start(dut)
    bench = Bench(dut, script)
    bench.settled_after = 300
    bench.send()
    await bench.sinks["norms"].quiet(200)
    await bench.expect()


@cocotb.test
async def clocks_are_as_promised(dut):
    """A command takes its words and a clock to be handed out; then one word or beat a clock."""
    config = machine(parameters())
    script = Script(config, 54)
    script.norm(14, False)
    script.matrix(9, 17)
    script.matrix(4, 5)
    script.norm(1, False)
    script.run()
    await start(dut)
    bench = Bench(dut, script)
    clocks = {name: Clocks(dut, name) for name in OUTPUTS}
    words = Clocks(dut, "words")
    await ClockCycles(dut.clk, 2)
    bench.send()
    await bench.expect()
    steps = -(-16 // config.word_bytes)
    now, pairs, trits = words.passed[0], iter(clocks["pairs"].passed), iter(clocks["trits"].passed)
    norms, matrices = iter(clocks["norms"].passed), iter(clocks["matrices"].passed)
    for command in script.writer.commands:
        assert next(norms if command.norm else matrices) == now + steps
        count = -(-command.length // config.vector) if command.norm else command.words
        payload = [next(pairs if command.norm else trits) for _ in range(count)]
        assert payload == list(range(now + steps + 1, now + steps + 1 + count))
        now = payload[-1] + 1
