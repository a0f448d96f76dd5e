"""Energy of windows: closed forms, what carries no figure, and what is made of it."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_fakes import FakeMeter, FakeSpec, profile

from tritone.meters.energy import NoEnergy, account, joules
from tritone.meters.recorder import Recorder

START, END = 103.21, 109.87
# watts(t) and its antiderivative
LOADS = {
    "constant": (lambda t: 1.75, lambda t: 1.75 * t),
    "ramp": (lambda t: 0.2 * t - 15, lambda t: 0.1 * t * t - 15 * t),
    "ripple": (lambda t: 2 + 0.8 * math.sin(9 * t), lambda t: 2 * t - 0.8 / 9 * math.cos(9 * t)),
    "decay": (lambda t: 0.5 + 3 * math.exp(100 - t), lambda t: 0.5 * t - 3 * math.exp(100 - t)),
    "step": (lambda t: 1.2 if t < 106 else 2.9,
             lambda t: 1.2 * t if t < 106 else 1.2 * 106 + 2.9 * (t - 106)),
}


def irregular(seed, count=3000, first=100.0, last=112.0):
    """Times that a real instrument might have."""
    rng = random.Random(seed)
    return sorted([first, last, *(rng.uniform(first, last) for _ in range(count))])


@pytest.mark.parametrize("load", LOADS)
def test_a_recorded_load_has_the_energy_of_its_closed_form(load):
    watts, integral = LOADS[load]
    recorder = Recorder(FakeSpec(FakeMeter(profile(irregular(7), watts))))
    recorder.start()
    recorder.stop(112.0)
    found = joules(*recorder.arrays(), START, END)
    expected = integral(END) - integral(START)
    assert found == pytest.approx(expected, rel=1e-3)


def exact(knots, start, end):
    """Integral of the broken line through (t, watts), by its antiderivative, in fractions."""
    total = Fraction(0)
    for (a, p), (b, q) in zip(knots, knots[1:]):
        a, b, p, q = map(Fraction, (a, b, p, q))
        low, high = max(a, Fraction(start)), min(b, Fraction(end))
        if low < high:
            slope = (q - p) / (b - a)

            def value(t, a=a, p=p, slope=slope):
                return p * (t - a) + slope * (t - a) ** 2 / 2
            total += value(high) - value(low)
    return float(total)


@settings(deadline=None)
@given(st.lists(st.floats(0, 20), min_size=60, max_size=120), st.floats(2.5, 4.0),
       st.floats(4.6, 5.5), st.integers(0, 999))
def test_a_broken_line_is_integrated_exactly(watts, start, length, seed):
    rng = random.Random(seed)
    t = np.cumsum([rng.uniform(0.05, 0.15) for _ in watts])
    t = (t - t[0]) * 10 / (t[-1] - t[0])
    end = start + length
    expected = exact(list(zip(t, watts)), start, end)
    assert joules(t, np.array(watts), start, end) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def samples(count, start=0.0, end=10.0):
    t = np.linspace(start, end, count)
    return t, np.full(count, 2.0)


def test_twenty_samples_are_enough_and_nineteen_are_not():
    t, watts = samples(20)
    assert joules(t, watts, 0.0, 10.0) == pytest.approx(20.0)
    t, watts = samples(19)
    with pytest.raises(NoEnergy, match="^19 samples in a window of 10.000 s, .* at least 20"):
        joules(t, watts, 0.0, 10.0)


def test_the_same_time_twice_is_one_sample():
    t, watts = samples(19)
    with pytest.raises(NoEnergy, match="^19 samples"):
        joules(np.repeat(t, 3), np.repeat(watts, 3), 0.0, 10.0)


def test_samples_in_bursts_are_not_many():
    t = np.sort(np.concatenate([np.linspace(0, 10, 12), np.linspace(0, 10, 12) + 1e-4]))
    with pytest.raises(NoEnergy, match="^12 samples in a window of 10.000 s, one in each 0.25 s"):
        joules(t, np.ones(24), 0.0, 10.0)


def test_a_gap_longer_than_a_tenth_is_refused():
    t, watts = samples(401)
    joules(*(a[~((t > 4) & (t < 4.99))] for a in (t, watts)), 0.0, 10.0)
    kept = ~((t > 4) & (t < 5.2))
    with pytest.raises(NoEnergy, match=r"^a gap of 1\.200 s between samples in a window of 10"):
        joules(t[kept], watts[kept], 0.0, 10.0)


def test_a_gap_across_an_end_of_the_window_is_refused():
    t, watts = samples(401, -5.0, 15.0)
    kept = ~((t > -1.0) & (t < 0.3))
    with pytest.raises(NoEnergy, match="^a gap of 1.3"):
        joules(t[kept], watts[kept], 0.0, 10.0)


@pytest.mark.parametrize("start, end, reach", [(0.5, 20.0, "from 0.500 s to 20.000 s"),
                                               (-1.0, 9.0, "from -1.000 s to 9.000 s")])
def test_samples_have_to_reach_both_ends(start, end, reach):
    with pytest.raises(NoEnergy, match=f"^the samples reach {reach} of a window from 0 to 10"):
        joules(*samples(300, start, end), 0.0, 10.0)


def test_no_samples_at_all_are_refused():
    with pytest.raises(NoEnergy, match="^there are no samples$"):
        joules(np.array([]), np.array([]), 0.0, 10.0)


def test_a_clock_that_went_back_is_refused():
    t, watts = samples(301)
    t[150:] -= 0.25
    with pytest.raises(NoEnergy, match=r"^the meter's clock went back by 0\.2166"):
        joules(t, watts, 0.0, 9.0)


def test_an_account_of_a_known_run():
    """1.5 W at rest; passes of 2 s at 4 W and at 5 W; 50 tokens each."""
    def watts(t):
        return 4.0 if 20 <= t < 25 else 5.0 if 25 <= t < 30 else 1.5
    t = np.arange(0, 40, 0.01)
    found = account(t, np.array([watts(x) for x in t]), (5.0, 9.0), [(22.0, 24.0), (26.0, 28.0)],
                    50)
    assert found["refused"] == []
    assert found["idle_watts"]["median"] == pytest.approx(1.5, rel=1e-3)
    for name, middle, least, most in (
            ("running_watts", 4.5, 4.0, 5.0), ("difference_watts", 3.0, 2.5, 3.5),
            ("joules_a_pass", 9.0, 8.0, 10.0), ("joules_a_token", 0.18, 0.16, 0.20),
            ("joules_a_token_above_idle", 0.12, 0.10, 0.14)):
        assert found[name] == pytest.approx({"median": middle, "least": least, "most": most},
                                            rel=1e-3), name


def test_without_idle_time_nothing_is_said_of_the_difference():
    t, watts = samples(4001, 0.0, 40.0)
    found = account(t, watts, None, [(20.0, 30.0)], 10)
    assert found["joules_a_token"]["median"] == pytest.approx(2.0)
    assert found["idle_watts"] is None and found["difference_watts"] is None
    assert found["joules_a_token_above_idle"] is None
    assert found["refused"] == ["idle: it was not recorded"]


def test_one_pass_without_energy_takes_that_of_all():
    t, watts = samples(4001, 0.0, 40.0)
    found = account(t, watts, (1.0, 9.0), [(10.0, 20.0), (35.0, 45.0)], 10)
    assert found["idle_watts"]["median"] == pytest.approx(2.0)
    assert found["joules_a_token"] is None and found["running_watts"] is None
    assert found["refused"] == ["pass 2: the samples reach from -35.000 s to 5.000 s of a window "
                                "from 0 to 10.000 s"]
