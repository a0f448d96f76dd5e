"""Signatures: their arithmetic, and those of the whole machine against the golden model's."""

import random

import pytest
from amaranth.sim import Simulator

from tritone.common import signatures
from tritone.common.signatures import START, STREAMS
from tritone.compiler import selftest
from tritone.rtl.accelerator import Accelerator
from tritone.rtl.signatures import Signature, check_taps
from tritone.sim.bench import machine
from tritone.sim.runner import run

TINY = {"preset": "tiny", "changes": {}}
WIDE = {"preset": "virtual", "changes": {"max_hidden": 40, "max_inner": 64, "max_layers": 4,
                                      "memory_words": 4096}}
COMPACT = {"preset": "tiny", "changes": {"formats": "compact"}}


def power(exponent):
    """x ** exponent modulo the polynomial, by squaring."""
    def times(a, b):
        product = 0
        for bit in range(32):
            if b >> bit & 1:
                product ^= a
            a = (a << 1 & signatures.MASK) ^ (signatures.POLYNOMIAL if a >> 31 else 0)
        return product

    result, square = 1, 2
    while exponent:
        if exponent & 1:
            result = times(result, square)
        square, exponent = times(square, square), exponent >> 1
    return result


def test_the_polynomial_is_primitive():
    order = 2**32 - 1
    assert power(order) == 1
    assert all(power(order // prime) != 1 for prime in (3, 5, 17, 257, 65537))


@pytest.mark.parametrize("bits", [1, 8, 32, 36, 96, 200])
def test_every_single_difference_shows(bits):
    """A wrong bit, a bit that is always wrong, an exchange, a loss, a repetition."""
    draw = random.Random(bits)
    payloads = [draw.getrandbits(bits) for _ in range(128)]
    right = signatures.signature(payloads)
    place = draw.randrange(127)
    payloads[place] ^= payloads[place] == payloads[place + 1]
    wrong = [[p ^ 1 for p in payloads], payloads[1:], payloads[:-1], [0, *payloads],
             payloads[:place] + payloads[place + 1:place - 1:-1] + payloads[place + 2:],
             payloads[:place + 1] + payloads[place:],
             [p ^ (n == place) << bits - 1 for n, p in enumerate(payloads)]]
    right = signatures.signature(payloads)
    assert all(signatures.signature(other) != right for other in wrong if other != payloads)
    assert signatures.signature([0]) != signatures.signature([0, 0])


@pytest.mark.parametrize("bits", [1, 9, 32, 33, 96, 200])
def test_the_gateware_computes_the_same_whatever_it_waits_for(bits):
    draw = random.Random(bits)
    payloads = [draw.getrandbits(bits) for _ in range(40)]
    dut, expected = Signature(bits), START

    async def bench(ctx):
        nonlocal expected
        for payload in payloads:
            while draw.random() < 0.5:
                ctx.set(dut.transfer, 0)
                ctx.set(dut.payload, draw.getrandbits(bits))
                await ctx.tick()
            ctx.set(dut.transfer, 1)
            ctx.set(dut.payload, payload)
            await ctx.tick()
            expected = signatures.step(expected, payload)
        ctx.set(dut.transfer, 0)
        await ctx.tick().repeat(2)
        assert ctx.get(dut.value) == expected
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        assert ctx.get(dut.value) == START

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_a_stream_that_is_forgotten_is_refused():
    with pytest.raises(ValueError, match="missing or unknown: token$"):
        check_taps({name: (0, 0) for name in STREAMS if name != "token"})


def make_system(folder, parameters):
    """(Config, parameters of the testbench)"""
    config = machine(parameters)
    tape, _ = selftest.selftest_tape(config)
    tape.save(folder / "tape")
    record, _ = selftest.recorded(config)
    names = ("prompt", "count", "temperature", "seed", "reset")
    runs = [dict(zip(names, r)) | {"tokens": t} for r, t in zip(selftest.RUNS, record["tokens"])]
    return config, parameters | {
        "tape": str(folder / "tape"), "runs": runs, "signatures": record["signatures"],
        "probe": selftest.PROBE, "probes": [
            (selftest.shortened(tape, commands).hex(), expected)
            for commands, expected in zip(selftest.cuts(tape), record["probes"])]}


ALL = "all_runs_leave_the_recorded_signatures/memory="


@pytest.mark.parametrize("parameters, case", [
    (TINY, ALL + "unsteady/idle=0.5/stall=0.9"), (WIDE, ALL + "twin/idle=0/stall=0"),
    (COMPACT, "short_runs_leave_theirs")], ids=["tiny", "wide", "compact"])
def test_machine(parameters, case, tmp_path):
    config, parameters = make_system(tmp_path, parameters)
    run(Accelerator(config), "tb_signatures", case, parameters=parameters)
