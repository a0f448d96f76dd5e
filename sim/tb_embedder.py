"""Embedder against golden.embedding."""

import random
from types import SimpleNamespace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from ..model.golden import Golden
from ..rtl.embedder import Embedder
from .bench import machine
from .elementwise import Clocks, integers
from .payload import unpack
from .streams import StreamSource, parameters, start

SETTLE = 4  # clocks from the last write to `settled`: the memory's `bits` take three


class Row:
    """One token's row: its beats with padding, and the residual that golden makes of it."""

    def __init__(self, generator, config, hidden, padding):
        v, f = config.vector, config.formats
        self.hidden = hidden
        self.shift = generator.randrange(f.residual_bits - f.embedding_bits + 1)
        self.elements = integers(generator, f.embedding_bits, hidden)
        model = SimpleNamespace(formats=f, head_trits=np.zeros((1, 1), np.int8), layers=[],
                                embedding=np.array([self.elements], np.int64),
                                embedding_shift=self.shift)
        self.words = self.lanes(Golden(model).embedding(0).tolist(), v)
        rest = -hidden % (2 * v) + 2 * v * padding
        # Up to a whole word of the residual the padding is zero; what follows must not matter.
        zeros = -hidden % v
        padded = self.elements + [0] * zeros + integers(generator, f.slot_bits, rest - zeros)
        pairs = self.lanes([x & (1 << f.slot_bits) - 1 for x in padded], 2)
        self.beats = self.lanes([low | high << f.slot_bits for low, high in pairs], v)

    @staticmethod
    def lanes(values, count):
        values = values + [0] * (-len(values) % count)
        return [values[n:n + count] for n in range(0, len(values), count)]


class Monitor:
    """Writes with their clocks, and the clocks in which `settled` is high."""

    def __init__(self, dut, box):
        self.dut, self.box = dut, box
        self.writes, self.settled, self.number = [], [], 0
        cocotb.start_soon(self._watch())

    async def _watch(self):
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if dut.write.value:
                x = unpack(self.box.x.shape(), int(dut.x.value))
                self.writes.append((self.number, int(dut.address.value), int(dut.first.value), x))
            if dut.settled.value:
                self.settled.append(self.number)
            self.number += 1


async def send_row(dut, source, row):
    dut.hidden.value, dut.shift.value, dut.start.value = row.hidden, row.shift, 1
    await ClockCycles(dut.clk, 1)
    dut.start.value = 0
    await ClockCycles(dut.clk, 2)
    source.send(*row.beats)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.6])
async def rows_match(dut, idle):
    config, generator = machine(parameters()), random.Random(41)
    box = Embedder(config)
    source = StreamSource(dut, "embeddings", box.embeddings.payload.shape(), idle=idle)
    dut.hidden.value = dut.shift.value = dut.start.value = 0
    await start(dut)
    monitor, taken = Monitor(dut, box), Clocks(dut, "embeddings")
    lengths = [1, 2, 3, 4, 5, config.max_hidden, config.max_hidden - 1] + [
        generator.randrange(1, config.max_hidden + 1) for _ in range(20)]
    for hidden in lengths:
        row = Row(generator, config, hidden, generator.randrange(3))
        monitor.writes.clear()
        taken.passed.clear()
        await send_row(dut, source, row)
        monitor.settled.clear()
        await source.drained()
        await ClockCycles(dut.clk, 8)
        written = [(address, first, x) for _, address, first, x in monitor.writes]
        assert written == [(n, int(n == 0), x) for n, x in enumerate(row.words)]
        last = monitor.writes[-1][0]
        assert monitor.settled and monitor.settled[0] >= last + SETTLE, "settled too early"
        assert monitor.settled[-1] == monitor.number - 1, "settled does not stay"
        if not idle:
            assert taken.passed == [taken.passed[0] + 2 * n for n in range(len(row.beats))]
            assert monitor.settled[0] == last + SETTLE
