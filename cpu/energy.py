"""Energy as Intel's and AMD's counters tell it (RAPL), through Linux' powercap."""

import time
from pathlib import Path

# The counters move once a millisecond and are a model of the chip's own, not a meter.
ROOT = Path("/sys/class/powercap")
MOST_WATTS = 1000  # of a package; a counter that could wrap twice in a run tells nothing


class Rapl:
    """The counters of all packages.

    Members
    -------
    missing : why there is no figure, or ""
    seconds : the longest run in which no counter can wrap twice
    """

    def __init__(self, root=ROOT):
        self.missing, self.seconds = "", 0.0
        try:
            # Beside packages there may be "psys", the whole computer, which has them in it.
            self._packages = [path for path in sorted(Path(root).glob("intel-rapl:*"))
                              if (path / "name").read_text().startswith("package")]
            if not self._packages:
                self.missing = "this system has no RAPL counters"
                return
            self._ranges = [self._number(p, "max_energy_range_uj") for p in self._packages]
            self.seconds = min(self._ranges) * 1e-6 / MOST_WATTS
            self._read()
        except (OSError, ValueError):
            self.missing = "the RAPL counters are not readable for this user"

    @staticmethod
    def _number(package, name):
        return int((package / name).read_text())

    def _read(self):
        return [self._number(package, "energy_uj") for package in self._packages]

    def joules(self, work):
        """(joules, seconds) of all packages while work() runs, no longer than `seconds`."""
        before, began = self._read(), time.monotonic()
        work()
        after, seconds = self._read(), time.monotonic() - began
        spent = (b - a if b >= a else b - a + most
                 for a, b, most in zip(before, after, self._ranges))
        return sum(spent) * 1e-6, seconds
