"""UART, case by case of sim/tb_uart.py."""

import pytest

from tritone.rtl.uart import UART
from tritone.sim.runner import cases, run

RATES = [pytest.param({"clock_hz": 12_000_000, "baud": 3_000_000}, "1/100", id="4-clocks-a-bit"),
         pytest.param({"clock_hz": 50_000_000, "baud": 3_000_000}, "1/50", id="16.7-clocks-a-bit")]


@pytest.mark.parametrize("rates, tolerance", RATES)
@pytest.mark.parametrize("case", cases("tb_uart"))
def test_uart(case, rates, tolerance):
    run(UART(**rates, depth=64), "tb_uart", case,
        parameters={**rates, "depth": 64, "tolerance": tolerance})


def test_too_high_a_rate_is_refused():
    with pytest.raises(ValueError, match="4 clocks a bit"):
        UART(clock_hz=11_000_000, baud=3_000_000)
