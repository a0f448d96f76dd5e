"""Meters that are not there, for the tests of what uses one."""

import time

from tritone.meters.meter import Meter, MeterError, Sample


class FakeMeter(Meter):
    """Gives the samples of an iterable, then does `finally_`: None goes on saying nothing, an
    exception is raised."""

    def __init__(self, samples, finally_=None, patience=5.0, lag=5.0):
        self._samples, self._finally = iter(samples), finally_
        self.patience, self.lag, self.closed = patience, lag, 0

    def sample(self):
        for found in self._samples:
            return found
        if self._finally is not None:
            raise self._finally
        return None

    def close(self):
        self.closed += 1


class FakeSpec:
    """What parse_spec gives, of a meter made before; or a failure to open one."""

    name = "fake:meter"

    def __init__(self, meter=None, error=None):
        self.meter, self._error = meter, error

    def open(self):
        if self._error:
            raise self._error
        return self.meter


def profile(times, watts):
    """Samples at `times` of a load of watts(t), at 5 V."""
    return [Sample(t, 5.0, watts(t) / 5.0, watts(t)) for t in times]


def live(watts, seconds=0.002, most=None, error="it was unplugged"):
    """Samples of watts(t) as time passes, each `seconds` one, also when this computer is busy;
    after `most` of them the meter fails."""
    count, t = 0, time.monotonic()
    while most is None or count < most:
        time.sleep(max(0.0, t - time.monotonic()))
        yield Sample(t, 5.0, watts(t) / 5.0, watts(t))
        count, t = count + 1, t + seconds
    raise MeterError(error)
