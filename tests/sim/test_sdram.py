"""The SDRAM controller on every part, at several rates, case by case of sim/tb_sdram.py."""

import pytest

from tritone.rtl.sdram import SimulatedSdram
from tritone.sim.bench import machine
from tritone.sim.runner import cases, run
from tritone.sim.tb_sdram import use_of


def settings(part, mem_hz, cas_latency, *, preset="tiny", hz=None, chip=None, **more):
    return {"preset": preset, "part": part, "mem_hz": mem_hz, "cas_latency": cas_latency,
            "changes": {"clock_hz": hz or mem_hz, "memory_words": 1 << 18},
            "chip": {"power_up_ns": 3000} | (chip or {}), **more}


MACHINES = [
    settings("MT48LC16M16A2-6A", 100_000_000, 2),
    settings("MT48LC16M16A2-7E", 133_000_000, 2, hz=50_000_000),
    settings("AS4C32M16SB-6", 133_000_000, 3, preset="virtual", hz=80_000_000),
    settings("AS4C32M16SB-7", 133_000_000, 3),
    settings("AS4C32M16SB-7", 100_000_000, 3, hz=25_000_000),
    settings("W9825G6KH-6", 133_000_000, 2, hz=100_000_000),
    settings("2xM12L16161A-5", 125_000_000, 3, hz=62_500_000),
    settings("2xW9816G6JH-6", 133_000_000, 3, preset="virtual"),
    settings("M12L64322A-5", 100_000_000, 2),
]


def name(s):
    return f"{s['part']}-{s['mem_hz'] // 1000000}-CL{s['cas_latency']}-{s['preset']}"


@pytest.mark.parametrize("parameters", MACHINES, ids=name)
@pytest.mark.parametrize("case", cases("tb_sdram"))
def test_sdram(case, parameters):
    run(SimulatedSdram(machine(parameters), use_of(parameters)), "tb_sdram", case,
        parameters=parameters)
