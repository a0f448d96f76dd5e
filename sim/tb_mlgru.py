"""Mlgru against golden.mlgru."""

import random

import cocotb
import numpy as np

from ..model.golden import saturate, shift_round
from ..rtl.mlgru import Mlgru
from .elementwise import arrays, beats, corners, golden, integers, machine, passes, tags
from .streams import parameters, start

BEATS = 2500
COLUMNS = "candidate", "forget", "floors", "state"


def mixed(generator, model, count):
    """Columns of all magnitudes, then some that meet the limits and the ties of the formats."""
    f = model.f
    candidate = integers(generator, f.value_bits, count)
    forget = integers(generator, f.value_bits, count)
    floors = integers(generator, f.floor_bits, count, signed=False)
    state = integers(generator, f.state_bits, count)
    lift = f.state_frac - f.value_frac
    for n in range(0, count, 3):  # the state near its candidate: small steps, ties of both signs
        state[n] = (candidate[n] << lift) + generator.randrange(-3 << lift, 3 << lift)
    for n in range(1, count, 9):  # an open gate: whole steps
        forget[n], floors[n] = -(1 << (f.value_bits - 1)), (1 << f.floor_bits) - 1
    for n, value in zip(range(2, count, 9), corners(f.value_bits)):
        forget[n] = value
    limit = (1 << (f.state_bits - 1)) - 1
    for n in range(5, count, 27):  # no step from the end of the range: only it is ever saturated
        state[n], floors[n] = generator.choice((limit, -limit, -limit - 1)), 0
    return [[max(min(x, limit), -limit - 1) for x in column]
            for column in (candidate, forget, floors, state)]


def states(model, candidate, forget, floors, state):
    """The new states, and they as golden.mixer puts them through the SiLU."""
    f = model.f
    state = model.mlgru(candidate, forget, floors, state)
    lift = f.state_frac - f.value_frac
    return {"state": state, "values": saturate(shift_round(state, lift), f.value_bits)}


@cocotb.test
@cocotb.parametrize((("idle", "stall", "fresh"), [
    (0, 0, 0), (0, 0.4, 0), (0.3, 0.4, 0), (0.3, 0.4, 1)]))
async def states_match(dut, idle, stall, fresh):
    config = machine(**parameters())
    box, model = Mlgru(config), golden(config.formats)
    vector = len(box.o.payload.state)
    generator = random.Random(12)
    columns = mixed(generator, model, BEATS * vector)
    counted = [*columns[:-1], [0] * len(columns[-1])] if fresh else columns
    tag = tags(generator, BEATS)
    dut.fresh.value = fresh
    await start(dut)
    await passes(dut, (box.i_layout, box.o_layout),
                 beats(vector, tag, **dict(zip(COLUMNS, columns, strict=True))),
                 beats(vector, tag, **states(model, *arrays(*counted))),
                 idle=idle, stall=stall, latency=Mlgru.LATENCY)


@cocotb.test
async def state_follows_its_candidate(dut):
    """The recurrence of many tokens: each output comes back as the state of the next token."""
    config = machine(**parameters())
    box, model = Mlgru(config), golden(config.formats)
    vector, f = len(box.o.payload.state), model.f
    generator = random.Random(13)
    tokens, width = 40, 4 * vector
    floors = np.array(integers(generator, f.floor_bits, width, signed=False), np.int64)
    state, sent, expected = np.zeros(width, np.int64), [], []
    for _ in range(tokens):
        candidate, forget = (np.array([generator.randrange(-reach, reach) << f.value_frac
                                       | generator.getrandbits(f.value_frac) for _ in range(width)])
                             for reach in (4, 8))
        tag = tags(generator, 4)
        sent += beats(vector, tag, candidate=candidate, forget=forget, floors=floors, state=state)
        after = states(model, candidate, forget, floors, state)
        expected += beats(vector, tag, **after)
        state = after["state"]
    await start(dut)
    await passes(dut, (box.i_layout, box.o_layout), sent, expected,
                 idle=0.1, stall=0.1, latency=Mlgru.LATENCY)
