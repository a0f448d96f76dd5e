"""Glu against golden.gate and golden.energy."""

import random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..rtl.glu import Glu
from .elementwise import arrays, beats, corners, golden, integers, machine, passes, tags
from .streams import StreamSink, StreamSource, parameters, start

BEATS = 2500


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0, 0.4), (0.3, 0.4)]))
async def products_match(dut, idle, stall):
    config = machine(**parameters())
    box, model = Glu(config), golden(config.formats)
    vector, f = len(box.i.payload.a), model.f
    generator = random.Random(14)
    a = integers(generator, f.value_bits, BEATS * vector)
    b = integers(generator, f.value_bits, BEATS * vector)
    ends = (corners(f.value_bits)[0], corners(f.value_bits)[-1], 0, 1, -1)
    pairs = [(x, y) for x in ends for y in ends]
    a[:len(pairs)], b[:len(pairs)] = zip(*pairs)
    tag = tags(generator, BEATS)
    await start(dut)
    await passes(dut, (box.i_layout, box.o_layout), beats(vector, tag, a=a, b=b),
                 beats(vector, tag, product=model.gate(*arrays(a, b))),
                 idle=idle, stall=stall, latency=box.latency)


class EnergyMonitor:
    """Checks `energy` at every clock from the last beat on `o` to the next first beat on `i`."""

    def __init__(self, dut, box, expected):
        self.dut, self.box, self.expected = dut, box, list(expected)
        self.checked = 0
        cocotb.start_soon(self._watch())

    def _mark(self, name, shape, mark):
        port = getattr(self.dut, f"{name}__payload")
        offset = shape["tag"].offset + shape["tag"].shape[mark].offset
        return getattr(self.dut, f"{name}__valid").value and int(port.value) >> offset & 1

    async def _watch(self):
        matrix = -1  # the one whose energy must stand
        final = False
        while True:
            await RisingEdge(self.dut.clk)
            leaving = self._mark("o", self.box.o_layout, "last")
            if leaving and not final:
                matrix, final = matrix + 1, True
            if final:
                energy = int(self.dut.energy.value)
                assert energy == self.expected[matrix], \
                    f"energy of matrix {matrix} is {energy}, expected {self.expected[matrix]}"
                self.checked += 1
            if self._mark("i", self.box.i_layout, "first") and self.dut.i__ready.value:
                final = False


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0.3, 0.4)]))
async def energy_is_final_and_stays(dut, idle, stall):
    """Matrices of 1 to 40 beats, each after the last has left, among them one of largest values."""
    config = machine(**parameters())
    box, model = Glu(config), golden(config.formats)
    vector, f = len(box.i.payload.a), model.f
    generator = random.Random(15)
    lengths = [1, 2, 3, 40, 1, 1] + [generator.randrange(1, 41) for _ in range(20)]
    matrices = [integers(generator, f.value_bits, n * vector) for n in lengths]
    matrices[3] = [-(1 << (f.value_bits - 1))] * (40 * vector)
    for n in range(6, len(lengths), 2):  # small ones: the rounding to energy_frac counts
        small = 5 << (f.value_frac - f.energy_frac)
        matrices[n] = [generator.randrange(-small, small + 1) for _ in matrices[n]]
    energies = [int(model.energy(*arrays(a))[0]) for a in matrices]
    await start(dut)
    source = StreamSource(dut, "i", box.i_layout, idle=idle)
    sink = StreamSink(dut, "o", box.o_layout, stall=stall)
    monitor = EnergyMonitor(dut, box, energies)
    for a in matrices:
        count = len(a) // vector
        source.send(*beats(vector, tags(generator, count, last={count - 1}), a=a, b=a))
        await sink.take(count)
        await ClockCycles(dut.clk, generator.randrange(12))
    await sink.quiet(20)
    assert monitor.checked > len(matrices)


@cocotb.test
async def energy_of_matrices_without_a_gap(dut):
    """Beats of the next matrix follow at once: each energy shows for the clocks it is due."""
    config = machine(**parameters())
    box, model = Glu(config), golden(config.formats)
    vector, f = len(box.i.payload.a), model.f
    generator = random.Random(16)
    lengths = [generator.randrange(1, 9) for _ in range(60)]
    matrices = [integers(generator, f.value_bits, n * vector) for n in lengths]
    totals = [int(model.energy(*arrays(a))[0]) for a in matrices]
    await start(dut)
    source = StreamSource(dut, "i", box.i_layout)
    StreamSink(dut, "o", box.o_layout)
    seen = []
    for a in matrices:
        count = len(a) // vector
        source.send(*beats(vector, tags(generator, count, last={count - 1}), a=a, b=a))
    for _ in range(sum(lengths) + 20):
        await RisingEdge(dut.clk)
        seen.append(int(dut.energy.value))
    position = 0
    for n, total in enumerate(totals):
        assert total in seen[position:], f"the energy of matrix {n} never showed"
        position += seen[position:].index(total)
