"""What a meter is, and the text that names one: KIND:PLACE[,OPTION=VALUE]...

    visa:TCPIP0::192.0.2.7::INSTR,volts=MEAS:VOLT? (@1),amperes=MEAS:CURR? (@1)
"""

import math
import re
from importlib import import_module
from typing import NamedTuple

from ..common.errors import TritoneError

OVERLOAD = 1e30  # SCPI-99 volume 1, 7.2.1: 9.9E37 is infinity, 9.91E37 is not a number


class MeterError(TritoneError):
    """A meter is absent, silent, or says what is no reading; the message is one line."""


class SpecError(TritoneError, ValueError):
    """A text that names no meter."""


class Sample(NamedTuple):
    """One reading: seconds of time.monotonic(); volts and amperes, None from an instrument that
    tells the power alone; watts."""

    t: float
    volts: float | None
    amperes: float | None
    watts: float


def reading(t, volts, amperes):
    """Sample of a voltage and a current; MeterError when either is no finite number."""
    for name, value in ("voltage", volts), ("current", amperes):
        if not math.isfinite(value) or abs(value) >= OVERLOAD:
            raise MeterError(f"reports {value:g} as the {name}: it is overloaded or has no reading")
    return Sample(t, volts, amperes, volts * amperes)


def power_reading(t, watts):
    """Sample of an instrument that tells the power alone."""
    if not math.isfinite(watts) or abs(watts) >= OVERLOAD:
        raise MeterError(f"reports {watts:g} as the power: it is overloaded or has no reading")
    return Sample(t, None, None, watts)


class Meter:
    """Base of the meters; all of them work in the thread of a recorder.

    Members
    -------
    name : str
        KIND:PLACE, in front of every message.
    patience : float
        Seconds without a sample after which the meter counts as silent; math.inf for a log, of
        which rows are wanted only at the end.
    lag : float
        Seconds by which a sample may come late.
    """

    OPTIONS = {}  # name: type of its value
    patience, lag = 5.0, 2.0

    @staticmethod
    def check(**_):
        """ValueError when the options do not go together; here they do."""

    def sample(self):
        """The next Sample, or None when there is none yet; waits a second or two at most. Raises
        MeterError when there will be none."""
        raise NotImplementedError

    def close(self):
        """Release the instrument; more than once does no harm."""


# kind -> (module, class); imported only when it is asked for
KINDS = {
    "visa": ("visa", "VisaMeter"),
    "hwmon": ("hwmon", "HwmonMeter"),
    "ppk2": ("ppk2", "Ppk2Meter"),
    "csv": ("csv_log", "CsvMeter"),
}


class Spec(NamedTuple):
    """A meter that has been named but not opened."""

    kind: str
    place: str
    options: dict

    @property
    def name(self):
        return f"{self.kind}:{self.place}"

    def open(self):
        """The Meter; MeterError when it is not there."""
        try:
            return _class_of(self.kind)(self.place, **self.options)
        except MeterError as error:
            raise MeterError(f"{self.name}: {error}") from error


def _class_of(kind):
    module, name = KINDS[kind]
    return getattr(import_module(f".{module}", __package__), name)


def parse_spec(text):
    """Spec of a text; SpecError that says what is wrong with it."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        raise SpecError(f"meter {text!r}: expected KIND:PLACE with one of {', '.join(KINDS)}")
    known = _class_of(kind).OPTIONS
    # A command of an instrument has commas of its own: only a known name begins an option.
    place, *parts = re.split(rf",(?=(?:{'|'.join(known)})=)", rest) if known else [rest]
    try:
        options = {name: known[name](value)
                   for name, _, value in (_whole(part, known).partition("=") for part in parts)}
        if not _whole(place, known):
            raise ValueError(f"nothing after {kind}:")
        _class_of(kind).check(**options)
    except ValueError as error:
        raise SpecError(f"meter {text!r}: {error}") from error
    return Spec(kind, place, options)


def _whole(part, known):
    """`part`, or ValueError when there is an option in it that the kind does not have."""
    if stray := re.search(r",(\w+)=", part):
        raise ValueError(f"there is no option {stray[1]}, but {', '.join(known) or 'none at all'}")
    return part


def positive(text):
    """A number above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError(f"{text}: expected a number above 0")
    return value


def counting(text):
    """A whole number from 1 on."""
    if not re.fullmatch(r"[1-9]\d*", text):
        raise ValueError(f"{text}: expected a whole number above 0")
    return int(text)
