"""A thread that keeps the samples of a meter."""

import threading
import time
from array import array

import numpy as np

from .meter import MeterError

MOST = 1 << 20  # samples kept; a quarter of an hour of a thousand a second
OPENING = 10.0  # seconds for an instrument to answer at all
PAUSE = 0.001  # after a meter that had nothing to say


class Series:
    """Times and watts of samples in bounded memory: when it is full, neighbours are averaged, and
    from then on as many of the new ones.

    Parameters
    ----------
    most : int
        An even number of samples.

    Members
    -------
    merged : int
        Samples that one of those kept stands for.
    """

    def __init__(self, most=MOST):
        self._most, self.merged = most, 1
        self._t, self._watts = array("d"), array("d")
        self._count, self._sums = 0, (0.0, 0.0)
        self._last = None  # kept as it is: how far the samples reach matters

    def add(self, t, watts):
        """One sample more."""
        if self._last is not None:
            self._merge(*self._last)
        self._last = t, watts

    def _merge(self, t, watts):
        self._count += 1
        self._sums = self._sums[0] + t, self._sums[1] + watts
        if self._count == self.merged:
            for kept, total in zip((self._t, self._watts), self._sums):
                kept.append(total / self._count)
            self._count, self._sums = 0, (0.0, 0.0)
        if len(self._t) >= self._most:
            self._t, self._watts = map(_halved, (self._t, self._watts))
            self.merged *= 2

    def arrays(self):
        """Times and watts, two arrays."""
        ends = [tuple(total / self._count for total in self._sums)] if self._count else []
        ends += [self._last] if self._last else []
        t, watts = zip(*ends) if ends else ((), ())
        return np.concatenate((self._t, t)), np.concatenate((self._watts, watts))


def _halved(values):
    """Averages of the pairs of an array."""
    return array("d", np.frombuffer(values).reshape(-1, 2).mean(axis=1).tobytes())


class Recorder:
    """Takes the samples of a meter from `start` to `stop`; a meter that fails ends nothing else.

    Parameters
    ----------
    spec : meter.Spec, or anything with a name and open() -> Meter
    series : Series
    opening : float
        Seconds to wait for the first sample.

    Members
    -------
    failure : str or None
        Why there are no more samples, in one line.
    latest : Sample or None
    """

    def __init__(self, spec, series=None, opening=OPENING):
        self.name, self.failure, self.latest = spec.name, None, None
        self._spec, self._series, self._opening = spec, series or Series(), opening
        self._lock = threading.Lock()
        self._first, self._end, self._over = (threading.Event() for _ in range(3))
        self._reach, self._lag = None, 0.0
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)

    def start(self):
        """Returns when the meter is there: it has given a sample, or is a log; or has failed."""
        self._thread.start()
        if not self._first.wait(self._opening):
            self._fail(f"{self.name}: silent; no sample within {self._opening:g} s")

    def stop(self, reach):
        """Ends the recording when a sample of the time `reach` or later has come, or none does."""
        self._reach = reach
        deadline = time.monotonic() + self._lag
        while not (self._over.wait(0.01) or self.failure) and time.monotonic() < deadline:
            if self.latest is not None and self.latest.t >= reach:
                break
        self._end.set()
        patience = min(self._opening, 1.0) if self.failure else self._opening
        if not self._over.wait(patience):  # left alone: its thread ends with the program
            self._fail(f"{self.name}: hangs; it has not come back for {self._opening:g} s")

    def arrays(self):
        """Times and watts of the samples, two arrays."""
        with self._lock:
            return self._series.arrays()

    def _fail(self, why):
        with self._lock:
            self.failure = self.failure or why
        self._first.set()
        self._end.set()

    def _work(self):
        meter = None
        try:
            meter = self._spec.open()
            self._lag = meter.lag
            if meter.patience == float("inf"):
                self._first.set()
            self._record(meter)
        except MeterError as error:
            said = str(error)
            self._fail(said if said.startswith(self.name) else f"{self.name}: {said}")
        except Exception as error:  # a fault of an instrument's library must not end the run
            self._fail(f"{self.name}: {type(error).__name__}: {' '.join(str(error).split())}")
        finally:
            try:
                if meter is not None:
                    meter.close()
            except Exception as error:  # its port is gone
                self._fail(f"{self.name}: {type(error).__name__}: {' '.join(str(error).split())}")
            finally:
                self._over.set()

    def _record(self, meter):
        heard = time.monotonic()
        while not self._end.is_set():
            sample = meter.sample()
            if sample is None:
                if time.monotonic() - heard > meter.patience:
                    raise MeterError(f"silent for {meter.patience:g} s")
                time.sleep(PAUSE)
                continue
            heard = time.monotonic()
            if self.latest is not None and sample.t < self.latest.t:
                raise MeterError(f"its clock went back by {self.latest.t - sample.t:.6g} s")
            with self._lock:
                self._series.add(sample.t, sample.watts)
                self.latest = sample
            self._first.set()
