"""Silu against golden.silu."""

import random

import cocotb

from ..rtl.silu import Silu
from .elementwise import arrays, beats, corners, golden, integers, machine, passes, tags
from .streams import parameters, start

BEATS = 1500
KNOTS = 73  # of the table, spread over all of it


def around_knots(formats):
    """Arguments beside the ends of the table's pieces and beyond its range."""
    step = formats.value_frac + formats.sigmoid_range_bits - formats.sigmoid_index_bits
    pieces = 1 << formats.sigmoid_index_bits
    knots = [n << step for n in range(0, pieces + 2, max(1, pieces // KNOTS))]
    return [sign * (knot + offset) for knot in knots for offset in (-1, 0, 1) for sign in (1, -1)]


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0, 0.4), (0.3, 0.4)]))
async def values_match(dut, idle, stall):
    config = machine(**parameters())
    box, model = Silu(config), golden(config.formats)
    vector, f = len(box.i.payload.a), model.f
    generator = random.Random(11)
    a = corners(f.value_bits) + around_knots(f)
    a += integers(generator, f.value_bits, BEATS * vector - len(a))
    generator.shuffle(a)
    tag = tags(generator, BEATS)
    await start(dut)
    await passes(dut, (box.i.payload.shape(), box.o.payload.shape()),
                 beats(vector, tag, a=a),
                 beats(vector, tag, y=model.silu(*arrays(a))),
                 idle=idle, stall=stall, latency=Silu.LATENCY)
