"""The SDRAM controller on every part, and with each of its times one clock short."""

import pytest
from sdram_machines import component, name, settings

from tritone.sim.runner import cases, run

MIX = "a_random_mix_comes_back/idle=0.0"
MACHINES = [
    settings("MT48LC16M16A2-6A", 100_000_000, 2),
    settings("MT48LC16M16A2-6A", 133_000_000, 3, hz=60_000_000),
    settings("MT48LC16M16A2-7E", 133_000_000, 2, hz=50_000_000),
    settings("AS4C32M16SB-6", 133_000_000, 3, preset="virtual", hz=80_000_000),
    settings("AS4C32M16SB-6", 100_000_000, 2, preset="virtual"),
    settings("AS4C32M16SB-7", 133_000_000, 3),
    settings("AS4C32M16SB-7", 100_000_000, 3, hz=20_000_000),
    settings("W9825G6KH-6", 133_000_000, 2, hz=100_000_000),
    settings("2xM12L16161A-5", 125_000_000, 3, hz=62_500_000),
    settings("2xW9816G6JH-6", 133_000_000, 3, preset="virtual"),
    settings("M12L64322A-5", 100_000_000, 2),
    settings("M12L64322A-5", 133_000_000, 3, hz=90_000_000, chip={"power_up_ns": 200_000}),
]


@pytest.mark.parametrize("parameters", MACHINES, ids=name)
@pytest.mark.parametrize("case", cases("tb_sdram"))
def test_every_part(case, parameters):
    run(component(parameters), "tb_sdram", case, parameters=parameters)


# A chip slow enough that the time in question is what the controller waits for; what the
# controller is told instead; what the model has to say. Two clocks short where the command comes a
# clock after it may (sdram_rows), which one clock would not show.
SHORT = {
    "rcd": ({"t_rcd": 60}, {"rcd": 7}, "tRCD bank"),
    "rp": ({"t_rp": 60}, {"rp": 6}, "tRP bank"),
    "ras": ({"t_ras": 900}, {"ras": 118}, "tRAS bank"),
    "rc": ({"t_rc": 300}, {"rc": 38}, "tRC bank"),
    "rrd": ({"t_rrd": 300}, {"rrd": 38}, "tRRD bank"),
    "wr": ({"wr_clocks": 15}, {"wr": 13}, "tWR bank"),
    "mrd": ({"mrd_clocks": 12}, {"mrd": 10}, "tMRD at"),
    "rfc": ({}, {"rfc": 7}, "tRFC at"),
    # 399 clocks; the chip's clock runs during reset already.
    "power_up": ({}, {"power_up": 380}, "power-up wait at"),
    "power_up_refreshes": ({}, {"power_up_refreshes": 7}, "initialisation at"),
    "refresh_interval": ({}, {"refresh_interval": 18_000}, "refresh interval at"),
    "cas_latency": ({}, {"cas_latency": 2}, "CAS latency at"),
    "beats": ({}, {"beats": 8}, "(READ bank .*its own boundary|dq bank . .*beat 4 of a write)"),
}


@pytest.mark.parametrize("field", SHORT)
def test_a_time_too_short_is_caught(field):
    chip, short, line = SHORT[field]
    parameters = settings("AS4C32M16SB-7", 133_000_000, 3, chip=chip, operations=120)
    case = "long_reads_reach_the_peak" if field == "refresh_interval" else MIX
    if chip:  # the controller that waits long enough passes
        run(component(parameters), "tb_sdram", case, parameters=parameters)
    with pytest.raises(pytest.fail.Exception, match=f"SdramViolation: .*{line}|Error: .*{line}"):
        run(component(parameters, **short), "tb_sdram", case, parameters=parameters)
