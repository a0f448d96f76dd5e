"""Energy as Intel's and AMD's counters tell it (RAPL), through Linux' powercap."""

import time
from pathlib import Path

ROOT = Path("/sys/class/powercap")
# The counters move once a millisecond and are a model of the chip's own, not a meter.
NAME = "RAPL, processor packages"


class Rapl:
    """The counters of all packages.

    Members
    -------
    missing : why there is no figure, or ""
    """

    def __init__(self, root=ROOT):
        self._packages = [path for path in sorted(Path(root).glob("intel-rapl:*"))
                          if path.name.count(":") == 1]
        self.missing = "" if self._packages else "this system has no RAPL counters"
        try:
            self._ranges = [self._number(p, "max_energy_range_uj") for p in self._packages]
            self._read()
        except (OSError, ValueError):
            self.missing = "the RAPL counters are not readable for this user"

    @staticmethod
    def _number(package, name):
        return int((package / name).read_text())

    def _read(self):
        return [self._number(package, "energy_uj") for package in self._packages]

    def joules(self, work):
        """(joules, seconds) of all packages while work() runs; the counters wrap at most once."""
        before, began = self._read(), time.monotonic()
        work()
        after, seconds = self._read(), time.monotonic() - began
        spent = (b - a if b >= a else b - a + most
                 for a, b, most in zip(before, after, self._ranges))
        return sum(spent) * 1e-6, seconds
