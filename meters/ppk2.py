"""ppk2:PORT: Nordic's Power Profiler Kit II as an ammeter in the board's supply line.

    ppk2:/dev/ttyACM0,volts=5.0

It tells 100,000 currents a second, of up to 1 A, and no voltage: that of the supply has to be
given. The protocol is that of Nordic's own program (github.com/NordicSemiconductor/
pc-nrfconnect-ppk, src/device/serialDevice.ts and src/constants). There is a package, ppk2-api; its
licence is not ours, it drops errors of the port, and it converts sample by sample in Python, which
does not keep up with 100,000 a second.
"""

import re
import time
from collections import deque

import numpy as np
import serial

from .meter import Meter, MeterError, positive, reading

AVERAGE_START, AVERAGE_STOP, DEVICE_RUNNING_SET, SET_POWER_MODE, GET_META_DATA = 6, 7, 12, 17, 25
AMMETER, ON = 1, 1
RATE = 100_000  # words a second
BLOCK = 100  # words averaged for a sample
WORD = 4  # bytes: 14 bits of ADC, 3 of range, 6 of counter, 8 of logic inputs from bit 24 on
COUNTER = 64
RANGES = 5
VOLTS_A_STEP = 1.8 / 163_840
SETTLING = 3  # words after a change of range that are left out
LATE, DRIFT = 0.25, 2e-4  # seconds, and seconds a second, by which the words may fall behind
FOLLOW = 16  # words whose counters show where the first one begins
UNTOLD = 1 << 12  # bytes among which it must be
BROKEN = 0.1  # share of words that do not follow each other, above which there is no telling
METADATA_SECONDS, SILENCE = 2.0, 1.0
# What Nordic's program takes of a kit that does not tell its calibration: R in ohms.
DEFAULTS = {"r": (1031.64, 101.65, 10.15, 0.94, 0.043), "gs": (1,) * RANGES, "gi": (1,) * RANGES,
            "o": (0,) * RANGES, "s": (0,) * RANGES, "i": (0,) * RANGES, "ug": (1,) * RANGES}


def parse_metadata(text):
    """Calibration {name: [5 floats]} from what the kit says of itself, lines of `NAME: value`."""
    calibration = {name: np.array(values, float) for name, values in DEFAULTS.items()}
    for name, place, value in re.findall(r"^([a-z]+)([0-4]): (\S+)$", text.lower(), re.M):
        try:
            number = float(value)
        except ValueError:
            continue
        # As Nordic's program does, 0 and "-nan" leave the default.
        if name in calibration and np.isfinite(number) and number:
            calibration[name][int(place)] = number
    return calibration


def amperes(words, calibration, volts):
    """Currents of 32-bit words.   [N] -> [N]

    With x = (4 adc - o) * 1.8 / 163840 / r:  ug * (x * (gs * x + gi) + s * volts + i)
    """
    where = np.minimum(words >> 14 & 7, RANGES - 1)
    c = {name: values[where] for name, values in calibration.items()}
    x = (4.0 * (words & 0x3FFF) - c["o"]) * VOLTS_A_STEP / c["r"]
    return c["ug"] * (x * (c["gs"] * x + c["gi"]) + c["s"] * volts + c["i"])


def first_word(octets):
    """Where the first word begins, by the counter; None if that is not told yet.

    What the kit says of itself ends in a line feed that may come at any time, and would shift all
    words.
    """
    for begin in range(len(octets) - FOLLOW * WORD + 1):
        words = np.frombuffer(octets, "<u4", FOLLOW, begin)
        if np.all(np.diff(words >> 18 & COUNTER - 1) % COUNTER == 1):
            return begin
    if len(octets) > UNTOLD:
        raise MeterError("its words do not follow each other from the beginning on")
    return None


class Ppk2Meter(Meter):
    """Averages of a millisecond, by the kit's own clock, which starts when its first word comes.

    Parameters
    ----------
    port : str
    volts : float
        Of the supply; the kit does not measure it.
    """

    OPTIONS = {"volts": positive}

    def __init__(self, port, volts):
        self._volts, self._rest, self._port = volts, b"", None
        self._ready = deque()
        self._begun = self._expected = self._previous = None
        self._count, self._sum, self._kept, self._block = 0, 0.0, 0, 0
        try:
            self._port = serial.Serial(port, timeout=0.05, write_timeout=SILENCE)
            self._send(AVERAGE_STOP)
            self._drain()
            self._calibration = parse_metadata(self._metadata())
            self._send(SET_POWER_MODE, AMMETER)
            self._send(DEVICE_RUNNING_SET, ON)  # else the board has no power
            self._send(AVERAGE_START)
        except OSError as error:  # SerialException is one
            self.close()
            raise MeterError(f"cannot open it: {' '.join(str(error).split())}") from error
        except BaseException:
            self.close()
            raise

    @staticmethod
    def check(volts=None):
        """ValueError without a voltage."""
        if volts is None:
            raise ValueError("it measures no voltage; give that of the supply, such as ,volts=5.0")

    def _send(self, *octets):
        self._port.write(bytes(octets))

    def _drain(self):
        """Reads what is left of an earlier measurement until nothing comes any more."""
        deadline = time.monotonic() + METADATA_SECONDS
        while self._port.read(1 << 16):
            if time.monotonic() > deadline:
                raise MeterError("goes on sending after it was told to stop")

    def _metadata(self):
        self._send(GET_META_DATA)
        text, deadline = b"", time.monotonic() + METADATA_SECONDS
        while b"END" not in text:
            if time.monotonic() > deadline:
                raise MeterError(f"does not tell its calibration within {METADATA_SECONDS:g} s; is "
                                 "it a Power Profiler Kit II?")
            text += self._port.read(4096)
        return text.decode(errors="replace")

    def sample(self):
        deadline = time.monotonic() + SILENCE
        while not self._ready:
            if time.monotonic() > deadline:
                raise MeterError(f"no data for {SILENCE:g} s")
            try:
                octets = self._rest + self._port.read(max(WORD, self._port.in_waiting))
            except (OSError, TypeError) as error:  # TypeError: pyserial, of a port that is gone
                raise MeterError(f"the port is gone: {' '.join(str(error).split())}") from error
            if self._begun is None:
                begin = first_word(octets)
                if begin is None:
                    self._rest = octets
                    continue
                octets = octets[begin:]
            whole = len(octets) // WORD * WORD
            self._rest = octets[whole:]
            if whole:
                self._take(np.frombuffer(octets[:whole], "<u4").astype(np.int64), time.monotonic())
        return self._ready.popleft()

    def _take(self, words, now):
        """Averages of the words that `now` are there."""
        if self._begun is None:
            self._begun, self._expected = now - len(words) / RATE, words[0] >> 18 & COUNTER - 1
        at = self._count + self._places(words)
        self._count = int(at[-1]) + 1
        behind = now - self._begun - self._count / RATE
        if not self._port.in_waiting and behind > LATE + DRIFT * (now - self._begun):
            raise MeterError(f"its words are {behind:.2f} s behind the clock: some were lost on "
                             "the way")
        current, good = amperes(words, self._calibration, self._volts), self._settled(words)
        self._average(at[good], current[good])

    def _places(self, words):
        """Numbers of the words, those that the counter tells to be missing counted too. [N] -> [N]
        """
        counter = words >> 18 & COUNTER - 1
        before = np.concatenate(([self._expected - 1], counter[:-1]))
        missing = (counter - before - 1) % COUNTER
        self._expected = (counter[-1] + 1) % COUNTER
        if len(words) >= BLOCK and np.count_nonzero(missing) > BROKEN * len(words):
            raise MeterError("its words do not follow each other: bytes were lost on the way")
        return np.arange(len(words)) + np.cumsum(missing)

    def _settled(self, words):
        """Which words are not right after a change of range; Nordic's program averages those.
        [N] -> [N]"""
        where = words >> 14 & 7
        if self._previous is None:
            self._previous = np.full(SETTLING, where[0])
        history = np.concatenate((self._previous, where))
        self._previous = history[-SETTLING:]
        return np.all([history[k:k + len(where)] == where for k in range(SETTLING)], axis=0)

    def _average(self, at, current):
        """Samples of the blocks that are complete; the last one stays open."""
        for block in np.unique(at // BLOCK):
            if block > self._block and self._kept:
                middle = self._begun + (self._block + 0.5) * BLOCK / RATE
                self._ready.append(reading(middle, self._volts, self._sum / self._kept))
            if block > self._block:
                self._block, self._sum, self._kept = block, 0.0, 0
            inside = at // BLOCK == block
            self._sum += float(current[inside].sum())
            self._kept += int(np.count_nonzero(inside))

    def close(self):
        """Ends the measurement; the board keeps its power."""
        if self._port is None:
            return
        try:
            self._send(AVERAGE_STOP)
            self._port.close()
        except OSError:
            pass  # it is gone, which is all that is wanted
        self._port = None
