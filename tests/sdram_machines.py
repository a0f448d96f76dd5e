"""Machines with an SDRAM that the tests of tests/sim and tests/sdram build."""

from dataclasses import replace

from tritone.common.sdram_parts import timing
from tritone.rtl.sdram import SimulatedSdram
from tritone.sim.bench import machine
from tritone.sim.tb_sdram import use_of


def settings(part, mem_hz, cas_latency, *, preset="tiny", hz=None, chip=None, **more):
    """Parameters of sim/tb_sdram.py; the power-up wait is shrunk."""
    return {"preset": preset, "part": part, "mem_hz": mem_hz, "cas_latency": cas_latency,
            "changes": {"clock_hz": hz or mem_hz, "memory_words": 1 << 18},
            "chip": {"power_up_ns": 3000} | (chip or {}), **more}


def name(s):
    return f"{s['part']}-{s['mem_hz'] // 1000000}-CL{s['cas_latency']}-{s['preset']}"


def component(s, **changes):
    """SimulatedSdram of such parameters; `changes` replace times of the controller alone."""
    config, use = machine(s), use_of(s)
    times = timing(use.part, clock_hz=use.clock_hz, cas_latency=use.cas_latency,
                   beats=config.word_bits // use.part.data_bits)
    return SimulatedSdram(config, use, times=replace(times, **changes))
