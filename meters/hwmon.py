"""hwmon:PATH: INA219, INA226, INA3221 and kin, as Linux shows them.

    hwmon:/sys/class/hwmon/hwmon3,channel=1

The files and their units are those of the kernel's Documentation/hwmon/sysfs-interface.rst.
"""

import time
from pathlib import Path

from .meter import Meter, MeterError, counting, positive, power_reading, reading

MILLI, MICRO = 1e-3, 1e-6
FASTEST = 0.01  # seconds between readings of a chip that does not say how fast it is


class HwmonMeter(Meter):
    """A chip's bus voltage and current, or its power when there is no such pair.

    Parameters
    ----------
    path : str
        The folder with in1_input (mV) and curr1_input (mA), or power1_input (uW).
    channel : int
        The number in these names.
    interval : float
        Seconds between readings; the chip's own update_interval unless it is given, since a value
        that is read again before the chip has measured anew tells nothing.
    """

    OPTIONS = {"channel": counting, "interval": positive}

    def __init__(self, path, channel=1, interval=None):
        folder = Path(path)
        if not folder.is_dir():
            raise MeterError("there is no such folder")
        pair = folder / f"in{channel}_input", folder / f"curr{channel}_input"
        power = folder / f"power{channel}_input"
        if not all(file.exists() for file in pair) and not power.exists():
            raise MeterError(f"has neither {pair[0].name} and {pair[1].name} nor {power.name}")
        self._pair = pair if all(file.exists() for file in pair) else None
        self._power = power
        self._interval = interval or self._own_interval(folder)
        self._next = time.monotonic()

    @staticmethod
    def _own_interval(folder):
        """Seconds in which the chip measures once."""
        try:
            return max(int((folder / "update_interval").read_text()) * MILLI, FASTEST)
        except (OSError, ValueError):
            return FASTEST

    def sample(self):
        time.sleep(max(0.0, self._next - time.monotonic()))
        began = time.monotonic()
        self._next = began + self._interval
        if self._pair:
            volts, amperes = (self._read(file) * MILLI for file in self._pair)
            return reading((began + time.monotonic()) / 2, volts, amperes)
        watts = self._read(self._power) * MICRO
        return power_reading((began + time.monotonic()) / 2, watts)

    @staticmethod
    def _read(file):
        try:
            text = file.read_text()
        except OSError as error:
            raise MeterError(f"cannot read {file.name}: {error.strerror}") from error
        try:
            return int(text)
        except ValueError as error:
            raise MeterError(f"{file.name} holds {text.strip()!r}; expected a number") from error
