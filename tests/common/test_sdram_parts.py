"""Times of the data sheets in clocks, and the window of the SDRAM's clock, by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tritone.common.sdram_parts import (
    PARTS, REFRESH_BATCH, SdramError, clocks, part, timing)
from tritone.common.sdram_phase import FpgaPins, window


def times(name, clock_hz, cas_latency):
    found = timing(part(name), clock_hz=clock_hz, cas_latency=cas_latency, beats=4)
    return [getattr(found, field) for field in
            ("rcd", "rp", "ras", "rc", "rrd", "wr", "mrd", "rfc", "power_up")]


@pytest.mark.parametrize("name, clock_hz, cas_latency, expected", [
    ("AS4C32M16SB-7", 133_000_000, 3, [3, 3, 6, 9, 2, 2, 2, 9, 26_600]),
    ("AS4C32M16SB-7", 100_000_000, 2, [3, 3, 5, 7, 2, 2, 2, 7, 20_000]),
    ("MT48LC16M16A2-7E", 133_000_000, 2, [2, 2, 5, 8, 2, 2, 2, 9, 13_300]),
    ("MT48LC16M16A2-6A", 100_000_000, 2, [2, 2, 5, 6, 2, 2, 2, 6, 10_000]),
    ("W9825G6KH-6", 100_000_000, 3, [2, 2, 5, 6, 2, 2, 2, 6, 20_000]),
    ("2xM12L16161A-5", 133_000_000, 3, [2, 2, 6, 8, 2, 2, 2, 8, 26_600]),
])
def test_times_are_those_of_the_data_sheet_rounded_up(name, clock_hz, cas_latency, expected):
    assert times(name, clock_hz, cas_latency) == expected


def test_a_whole_number_of_clocks_is_not_rounded():
    assert clocks(Fraction(60), 100_000_000) == 6
    assert clocks(Fraction("60.1"), 100_000_000) == 7


@pytest.mark.parametrize("found", PARTS.values(), ids=lambda p: p.name)
def test_every_row_is_refreshed_in_time_and_closed_in_time(found):
    batch = timing(found, clock_hz=100_000_000, cas_latency=3, beats=4)
    rounds = -(-found.rows // batch.refresh_batch)
    assert (rounds + 1) * batch.refresh_interval * 10 <= found.refresh_ns
    assert batch.refresh_interval * 10 < found.t_ras_most
    assert batch.refresh_batch in (4, REFRESH_BATCH)


def test_sizes():
    assert part("AS4C32M16SB-7").size == 64 << 20
    assert part("W9825G6KH-6").size == 32 << 20
    assert part("2xM12L16161A-5").size == 4 << 20
    assert part("M12L64322A-5").size == 8 << 20


@pytest.mark.parametrize("call, line", [
    (lambda: part("DDR5"), "unknown SDRAM 'DDR5'; known: 2xM12L16161A-5, .*W9825G6KH-6"),
    (lambda: times("AS4C32M16SB-7", 133_000_000, 2), "at most at 100 MHz, not at 133 MHz"),
    (lambda: times("AS4C32M16SB-7", 143_000_001, 3), "at most at 142.9 MHz"),
    (lambda: times("AS4C32M16SB-7", 100_000_000, 4), "no CAS latency 4; it has 2, 3"),
    (lambda: timing(part("AS4C32M16SB-7"), clock_hz=10**8, cas_latency=3, beats=16),
     "a memory word of 16 beats of 16 bits; .*2, 4, 8"),
    (lambda: timing(part("AS4C32M16SB-7"), clock_hz=200_000, cas_latency=3, beats=4),
     "a batch of 8 refreshes takes"),
])
def test_what_does_not_fit_is_refused_in_one_line(call, line):
    with pytest.raises(SdramError, match=line):
        call()


PINS = FpgaPins(t_co=(Fraction(2), Fraction(4)), t_su=Fraction(1), t_h=Fraction(1),
                skew=Fraction("0.5"), flight=(Fraction(0), Fraction(0)))
CHIP = replace(part("AS4C32M16SB-7"), t_ac=((3, Fraction(5)),), t_oh=Fraction(3),
               t_is=Fraction("1.5"), t_ih=Fraction(1))


def test_the_window_of_the_clock():
    """10 ns: read data hold asks for 10 + 1 - 3 - 2 = 6 ns; commands' hold for 10 - 1 - 0.5."""
    slow = window(CHIP, 100_000_000, 3, PINS)
    assert (slow.earliest, slow.latest) == (6, Fraction("8.5"))
    assert slow.degrees(slow.middle) == 261 and slow.margin == Fraction("1.25")
    # 5 ns: commands' setup asks for 2 ns; read data is late: 10 - 1 - 5 - 4 = 0.
    fast = window(CHIP, 200_000_000, 3, PINS)
    assert (fast.earliest, fast.latest, fast.margin) == (2, 0, -1)
