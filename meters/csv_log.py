"""csv:FILE: what another instrument logs, aligned by wall-clock time.

The first row names the columns: `time` (seconds since 1970, or ISO 8601, local time unless it says
otherwise), and `volts` and `amperes`, or `watts`. Other columns are ignored. The file may grow
while it is read.
"""

import csv
import datetime
import io
import math
import time

from .meter import Meter, MeterError, power_reading, reading

POLL = 0.05  # seconds between looks at a file that has not grown
LOOKS = 4  # at both clocks; between those of one look this computer may have been busy
STEP = 0.1  # seconds by which the wall clock may leave the monotonic one during a run


def wall_offset():
    """Seconds to add to a time of the wall clock for one of time.monotonic()."""
    looks = [(time.monotonic(), time.time(), time.monotonic()) for _ in range(LOOKS)]
    before, wall, after = min(looks, key=lambda look: look[2] - look[0])
    return (before + after) / 2 - wall


def wall_seconds(text):
    """Seconds since 1970 of a cell; ValueError when it holds no time."""
    try:
        value = float(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text.strip()).timestamp()
    if not math.isfinite(value):
        raise ValueError(f"{text} is no time")
    return value


class CsvMeter(Meter):
    """Rows of a log, from the time on at which it was opened.

    Parameters
    ----------
    path : str
    """

    patience, lag = math.inf, 10.0

    def __init__(self, path):
        self._began, self._offset = time.monotonic(), wall_offset()
        self._rest, self._line, self._columns, self._running = "", 0, None, False
        try:
            self._file = open(path, encoding="utf-8-sig", newline="")
        except OSError as error:
            raise MeterError(f"cannot read it: {error.strerror}") from error
        if (row := self._row()) is not None:
            self._columns = self._header(row)  # complains before anything runs

    def sample(self):
        if abs(wall_offset() - self._offset) > STEP:
            raise MeterError("the computer's wall clock was set during the run; the log cannot be "
                             "aligned")
        while (row := self._row()) is not None:
            if self._columns is None:
                self._columns = self._header(row)
            elif any(row) and self._is_new(sample := self._convert(row)):
                return sample
        time.sleep(POLL)
        return None

    def _is_new(self, sample):
        """Whether a row is of this run; what follows one that is may not go back."""
        self._running = self._running or sample.t >= self._began
        return self._running

    def _row(self):
        """Cells of the next whole line, None when there is none yet."""
        try:
            self._rest += self._file.readline()
        except (OSError, UnicodeError) as error:
            raise MeterError(f"cannot read it: {error}") from error
        if not self._rest.endswith("\n"):
            return None
        line, self._rest = self._rest, ""
        self._line += 1
        if self._columns is None:
            self._delimiter = next((d for d in ";\t" if d in line), ",")
        return [cell.strip() for cell in
                next(csv.reader(io.StringIO(line), delimiter=self._delimiter), [])]

    def _header(self, row):
        names = [name.lower() for name in row]
        pair = {"volts", "amperes"} <= set(names)
        if "time" not in names or not (pair or "watts" in names):
            raise MeterError(f"its first row is {', '.join(row)}; expected columns named time, and "
                             "volts and amperes, or watts")
        wanted = ("time", "volts", "amperes") if pair else ("time", "watts")
        return [names.index(name) for name in wanted]

    def _convert(self, row):
        try:
            cells = [row[i] for i in self._columns]
            t = wall_seconds(cells[0]) + self._offset
            values = [float(cell) for cell in cells[1:]]
        except (ValueError, IndexError) as error:
            raise MeterError(f"line {self._line}: {','.join(row)[:60]!r} is no row of time and "
                             "numbers") from error
        return reading(t, *values) if len(values) == 2 else power_reading(t, *values)

    def close(self):
        self._file.close()
