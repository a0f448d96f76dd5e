"""The recorder: a meter may fail in any way, and ends nothing but itself."""

import threading
import time

import pytest
from meter_fakes import FakeMeter, FakeSpec, live, profile

from tritone.meters.energy import joules
from tritone.meters.meter import Meter, MeterError, Sample
from tritone.meters.recorder import Recorder, Series


def recorded(meter=None, error=None, seconds=0.05, opening=5.0):
    """A Recorder that has been run for a while and stopped."""
    recorder = Recorder(FakeSpec(meter, error), opening=opening)
    recorder.start()
    time.sleep(seconds)
    recorder.stop(time.monotonic())
    return recorder


def test_samples_are_kept_in_order_and_the_meter_is_closed():
    meter = FakeMeter(live(lambda t: 3.0))
    recorder = recorded(meter)
    t, watts = recorder.arrays()
    assert len(t) >= 5 and (t[1:] > t[:-1]).all() and set(watts) == {3.0}
    assert recorder.failure is None and meter.closed == 1


def test_stop_waits_for_a_sample_after_the_end():
    late = 0.15

    def delayed():
        for found in live(lambda t: 1.0):
            yield found._replace(t=found.t - late)

    recorder = Recorder(FakeSpec(FakeMeter(delayed(), lag=2.0)))
    recorder.start()
    end = time.monotonic()
    recorder.stop(end)
    assert recorder.arrays()[0][-1] >= end


def test_stop_does_not_wait_for_ever():
    meter = FakeMeter([Sample(0.0, 5.0, 1.0, 5.0)], lag=0.2)
    recorder = Recorder(FakeSpec(meter))
    recorder.start()
    began = time.monotonic()
    recorder.stop(began)
    assert 0.15 < time.monotonic() - began < 2 and meter.closed == 1


def test_an_absent_meter_is_a_failure_at_once():
    began = time.monotonic()
    recorder = recorded(error=MeterError("cannot open it"))
    assert recorder.failure == "fake:meter: cannot open it"
    assert time.monotonic() - began < 1 and len(recorder.arrays()[0]) == 0


def test_a_meter_that_says_nothing_is_silent():
    meter = FakeMeter([], patience=0.05)
    recorder = recorded(meter, seconds=0)
    assert recorder.failure == "fake:meter: silent for 0.05 s" and meter.closed == 1


def test_a_meter_that_stops_in_the_middle_leaves_its_samples():
    meter = FakeMeter(live(lambda t: 1.0, most=7))
    recorder = recorded(meter, seconds=0.2)
    assert recorder.failure == "fake:meter: it was unplugged" and meter.closed == 1
    assert len(recorder.arrays()[0]) == 7


def test_a_fault_of_a_library_is_one_line():
    recorder = recorded(FakeMeter([], RuntimeError("a\nb")))
    assert recorder.failure == "fake:meter: RuntimeError: a b"


def test_a_clock_that_goes_back_ends_the_recording():
    meter = FakeMeter(profile([1.0, 2.0, 1.75, 3.0], lambda t: 1.0))
    recorder = recorded(meter)
    assert recorder.failure == "fake:meter: its clock went back by 0.25 s"
    assert list(recorder.arrays()[0]) == [1.0, 2.0]


class Hanging(Meter):
    """Answers once, or never, and then not even with a refusal."""

    def __init__(self, answers):
        self.answers, self.release = answers, threading.Event()

    def sample(self):
        self.answers -= 1
        if self.answers < 0:
            self.release.wait(20)
        return Sample(time.monotonic(), 5.0, 1.0, 5.0)


@pytest.mark.parametrize("answers, why", [
    (0, "silent; no sample within 0.5 s"), (1, "hangs; it has not come back for 0.5 s")])
def test_a_meter_that_hangs_holds_nothing_up(answers, why):
    meter = Hanging(answers)
    began = time.monotonic()
    recorder = Recorder(FakeSpec(meter), opening=0.5)
    recorder.start()
    recorder.stop(time.monotonic())
    assert time.monotonic() - began < 4
    assert recorder.failure == f"fake:meter: {why}"
    meter.release.set()


def test_a_meter_that_cannot_be_closed_hangs_nothing():
    class Stuck(FakeMeter):
        def close(self):
            raise OSError("stuck")

    recorder = recorded(Stuck(live(lambda t: 1.0)))
    assert recorder.failure == "fake:meter: OSError: stuck"


def test_a_log_is_not_waited_for_at_the_start():
    meter = FakeMeter([], patience=float("inf"), lag=0.1)
    began = time.monotonic()
    recorder = recorded(meter, seconds=0)
    assert recorder.failure is None and time.monotonic() - began < 2


def test_memory_is_bounded_and_the_energy_stays():
    series, count = Series(most=256), 100_000
    for k in range(count):
        t = k / 1000
        series.add(t, 1 + t / 10 + (k % 2))
    t, watts = series.arrays()
    assert 64 <= len(t) <= 257 and series.merged >= count / 256
    # 1.5 W on the average of the ripple, and the ramp: 1.5 * 60 + (80**2 - 20**2) / 20
    assert joules(t, watts, 20.0, 80.0) == pytest.approx(390.0, rel=1e-3)


def test_what_is_kept_is_the_average():
    series = Series(most=4)
    for t, watts in ((0, 1), (1, 3), (2, 5), (3, 11), (4, 7), (5, 9), (6, 2)):
        series.add(t, watts)
    t, watts = series.arrays()
    assert (list(t), list(watts)) == ([0.5, 2.5, 4.5, 6.0], [2.0, 8.0, 8.0, 2.0])
