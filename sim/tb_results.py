"""Results against the golden model's functions, matrix right after matrix."""

import random

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.tape import Function
from ..compiler import clocks as predicted
from ..model.golden import magnitude_bits, saturate, shift_round
from ..rtl.results import Results
from .bench import machine
from .elementwise import Clocks, golden, integers
from .payload import pack, unpack
from .streams import StreamSink, StreamSource, parameters, start

LENGTHS = (1, 2, 5, 40)  # beats


class Twin:
    """The memories as golden's functions fill them; all columns are whole beats."""

    def __init__(self, config, seed):
        self.config, self.golden = config, golden(config.formats)
        self.random = random.Random(seed)
        self.f, v = self.golden.f, config.vector
        self.residual, self.floors = (np.zeros(config.max_hidden, np.int64) for _ in range(2))
        self.candidate, self.product = (np.zeros(config.max_inner, np.int64) for _ in range(2))
        self.state = np.zeros(config.max_layers * config.max_hidden, np.int64)
        self.hidden_beats, self.inner_beats = config.max_hidden // v, config.max_inner // v
        self.layer, self.fresh, self.energy, self.logits = 0, True, None, []
        self.residual_bits = self.product_bits = None  # of the last vector written

    def bits_of(self, function):
        """Bits that Scale gives a matrix of `function`."""
        return {Function.RESIDUAL: self.f.residual_bits,
                Function.LOGITS: self.f.logit_bits}.get(function, self.f.value_bits)

    def matrix(self, function, beats, x=None):
        """Beats of one matrix with the outputs `x`, or random ones; the memories follow."""
        v = self.config.vector
        if x is None:
            x = integers(self.random, self.bits_of(function), beats * v)
            if self.random.random() < 0.5:  # where no sigmoid is flat
                reach = 8 << self.f.value_frac
                x = [self.random.randrange(-reach, reach) for _ in x]
        self._apply(function, np.array(x, np.int64), beats * v)
        return [{"values": x[n * v:(n + 1) * v], "function": int(function), "first": int(n == 0),
                 "last": int(n == beats - 1)} for n in range(beats)]

    def _apply(self, function, x, n):
        g, f = self.golden, self.f
        if function == Function.CANDIDATE:
            self.candidate[:n] = g.silu(x)
        elif function == Function.FORGET:
            part = slice(self.layer, self.layer + n)
            before = np.zeros(n, np.int64) if self.fresh else self.state[part]
            after = g.mlgru(self.candidate[:n], x, self.floors[:n], before)
            lift = f.state_frac - f.value_frac
            self.state[part] = after
            self.candidate[:n] = g.silu(saturate(shift_round(after, lift), f.value_bits))
            self.layer += n
        elif function == Function.PRODUCT:
            self.product[:n] = g.gate(x, self.candidate[:n])
            self.energy = int(g.energy(x)[0])
            self.product_bits = int(magnitude_bits(self.product[:n])[0])
        elif function == Function.RESIDUAL:
            self.residual[:n] = saturate(self.residual[:n] + x, f.residual_bits)
            self.residual_bits = int(magnitude_bits(self.residual[:n])[0])
        else:
            v = self.config.vector
            self.logits += [{"values": x[k:k + v].tolist(), "first": int(k == 0),
                             "last": int(k == n - v)} for k in range(0, n, v)]

    def embed(self):
        """A new residual: its beats, of one magnitude up to the extremes."""
        f, v = self.f, self.config.vector
        top = 1 << self.random.randrange(1, f.residual_bits)
        self.residual[:] = [self.random.randrange(-top, top) for _ in self.residual]
        self.residual_bits = int(magnitude_bits(self.residual)[0])
        return self.residual.reshape(-1, v).tolist()


class Bench:
    def __init__(self, dut, *, idle=0, stall=0, seed=1):
        config = machine(parameters())
        self.dut, self.box, self.twin = dut, Results(config), Twin(config, seed)
        self.random = self.twin.random
        for name in ("source", "address", "embedding_write", "start", "fresh"):
            getattr(dut, name).value = 0
        box = self.box
        self.scaled = StreamSource(dut, "scaled", box.scaled.payload.shape(), idle=idle)
        self.floors = StreamSource(dut, "floors", box.floors.payload.shape(), idle=idle)
        self.logits = StreamSink(dut, "logits", box.logits.payload.shape(), stall=stall)
        self.entered, self.taken = Clocks(dut, "scaled"), Clocks(dut, "logits")
        self.written, self.sent = [], 0  # clocks of the pulses; matrices
        cocotb.start_soon(self._watch())

    async def _watch(self):
        clock = 0
        while True:
            await RisingEdge(self.dut.clk)
            if self.dut.written.value:
                self.written.append(clock)
            clock += 1

    def send(self, function, beats, x=None):
        self.sent += 1
        self.scaled.send(*self.twin.matrix(function, beats, x))

    async def begin(self, fresh=False):
        """A token: its embedding is in the residual, and the state is that of layer 0."""
        dut, twin = self.dut, self.twin
        twin.layer, twin.fresh = 0, fresh
        dut.fresh.value, dut.start.value = int(fresh), 1
        await ClockCycles(dut.clk, 1)
        dut.start.value = 0
        shape = self.box.embedding_x.shape()
        for n, x in enumerate(twin.embed()):
            dut.embedding_write.value, dut.embedding_first.value = 1, int(n == 0)
            dut.embedding_address.value = n
            dut.embedding_x.value = pack(shape, x)
            await ClockCycles(dut.clk, 1)
        dut.embedding_write.value = 0

    async def new_floors(self):
        v, twin = self.box.config.vector, self.twin
        twin.floors[:] = integers(self.random, twin.f.floor_bits, len(twin.floors), signed=False)
        self.floors.send(*({"values": x, "address": n} for n, x in enumerate(
            twin.floors.reshape(-1, v).tolist())))
        await self.floors.drained()

    async def finished(self):
        """Every matrix is written, each once; then the logits are right."""
        while len(self.written) < self.sent:
            await RisingEdge(self.dut.clk)
        assert len(self.written) == self.sent, "`written` came more often than once a matrix"
        await self.logits.expect(self.twin.logits)
        self.twin.logits.clear()

    async def _read(self, source, expected):
        """One vector through the normaliser's port, a word a clock."""
        dut, v, found = self.dut, self.box.config.vector, []
        dut.source.value = source
        for n in range(len(expected) // v + 1):
            dut.address.value = n % (len(expected) // v)
            await RisingEdge(dut.clk)
            if n:
                found += unpack(self.box.x.shape(), int(dut.x.value))
        shown = [n for n, (a, b) in enumerate(zip(found, expected.tolist())) if a != b]
        assert found == expected.tolist(), f"source {source}: elements {shown} are wrong"

    async def check(self):
        """All that the normaliser and the scalar unit can see."""
        await self.finished()
        twin, dut = self.twin, self.dut
        for source, bits in ((0, twin.residual_bits), (1, twin.product_bits)):
            dut.source.value = source
            await RisingEdge(dut.clk)
            await RisingEdge(dut.clk)
            assert bits is None or int(dut.bits.value) == bits, f"bits of source {source}"
        if twin.energy is not None:
            assert int(dut.energy.value) == twin.energy
        await self._read(0, twin.residual)
        await self._read(1, twin.product)
        assert len(self.written) == self.sent


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0, 0.5), (0.4, 0.8)]))
async def any_sequence_matches(dut, idle, stall):
    """Random functions and lengths without a pause between matrices."""
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall, seed=61)
    twin, draw = bench.twin, bench.random
    for token in range(8):
        await bench.begin(fresh=token in (0, 5))
        await bench.new_floors()
        room = len(twin.state) // bench.box.config.vector
        for _ in range(24):
            function = draw.choice(list(Function))
            limit = twin.inner_beats if function in (
                Function.CANDIDATE, Function.PRODUCT, Function.LOGITS) else twin.hidden_beats
            beats = min(draw.choice(LENGTHS), limit)
            if function == Function.FORGET:
                if beats > room:
                    continue
                room -= beats
            bench.send(function, beats)
        await bench.check()


@cocotb.test
@cocotb.parametrize(beats=LENGTHS, idle=[0, 0.5])
async def a_layer_matches(dut, beats, idle):
    """The order of a block, three layers, four tokens: what each matrix needs was just written."""
    await start(dut)
    bench = Bench(dut, idle=idle, seed=62)
    beats = min(beats, bench.twin.hidden_beats)
    for token in range(4):
        await bench.begin(fresh=token == 0)
        await bench.new_floors()
        for _ in range(3):
            for function in (Function.CANDIDATE, Function.FORGET, Function.PRODUCT,
                             Function.RESIDUAL, Function.RESIDUAL):
                bench.send(function, beats)
        bench.send(Function.LOGITS, beats)
        await bench.check()


@cocotb.test
async def the_state_of_each_layer_shows(dut):
    """state -> candidate -> product with factor 1, all of its value bits; fresh hides it once."""
    await start(dut)
    bench = Bench(dut, seed=63)
    one = 1 << bench.twin.f.value_frac
    beats = bench.twin.hidden_beats
    for token in range(5):
        await bench.begin(fresh=token in (0, 3))
        await bench.new_floors()
        for _ in range(bench.box.config.max_layers):
            bench.send(Function.CANDIDATE, beats)
            bench.send(Function.FORGET, beats)
            bench.send(Function.PRODUCT, beats, [one] * (beats * bench.box.config.vector))
            await bench.check()


@cocotb.test
@cocotb.parametrize(beats=[1, 5])
async def clocks_are_as_predicted(dut, beats):
    """Last beat in -> written, and the next matrix enters when the one before is written."""
    await start(dut)
    bench = Bench(dut, seed=64)
    config = bench.box.config
    product = max(predicted.PRODUCT, predicted.PRODUCT - 1 + (config.vector - 1).bit_length())
    clocks = {Function.CANDIDATE: predicted.SILU, Function.FORGET: predicted.MLGRU + predicted.SILU,
              Function.PRODUCT: product if config.vector > 2 else predicted.PRODUCT,
              Function.RESIDUAL: predicted.ADD, Function.LOGITS: 0}
    await bench.begin(fresh=True)
    await bench.new_floors()
    order = list(Function) * 2
    for function in order:
        bench.send(function, beats)
    await bench.finished()
    entered = bench.entered.passed
    for n, function in enumerate(order):
        first, last = entered[n * beats], entered[(n + 1) * beats - 1]
        assert last == first + beats - 1, "not one beat a clock"
        assert bench.written[n] == last + 1 + clocks[function] + predicted.DRAIN
        if n + 1 < len(order):
            assert entered[(n + 1) * beats] == last + 1 + clocks[function] + 1 + (beats == 1)


@cocotb.test
async def the_normaliser_reads_while_others_write(dut):
    """Norms read the residual while candidates, states and products are under way."""
    await start(dut)
    bench = Bench(dut, seed=65)
    await bench.begin(fresh=True)
    await bench.new_floors()
    for function in (Function.CANDIDATE, Function.FORGET, Function.PRODUCT):
        bench.send(function, bench.twin.hidden_beats)
    while not bench.written:
        await bench._read(0, bench.twin.residual)
    await bench._read(0, bench.twin.residual)
    await bench.check()


@cocotb.test
async def extremes_match(dut):
    """The ends of every format, and zero, in each function."""
    await start(dut)
    bench = Bench(dut, seed=66)
    twin, beats = bench.twin, bench.twin.hidden_beats
    await bench.begin(fresh=True)
    for _ in range(3):
        await bench.new_floors()
        for function in (Function.CANDIDATE, Function.FORGET, Function.PRODUCT, Function.RESIDUAL,
                         Function.RESIDUAL):
            top = 1 << (twin.bits_of(function) - 1)
            bench.send(function, beats, bench.random.choices(
                (-top, top - 1, 0, -1, 1), k=beats * bench.box.config.vector))
        await bench.check()
        await bench.begin()
