"""Reads SAIF files, of which this project needs each net's time at 1 and its toggles.

    activity = read("0.saif")
    activity.nets["n17"].toggles

The format is that of IEEE 1801, annex I, as far as Verilator writes it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import TritoneError

NET = re.compile(
    r"\((?P<name>[^\s()]+) \(T0 (?P<low>\d+)\) \(T1 (?P<high>\d+)\)(?: \(T[XZB] \d+\))*"
    r" \(TC (?P<toggles>\d+)\)(?: \(IG \d+\))?\)")
DURATION = re.compile(r"\(DURATION (\d+)\)")


class SaifError(TritoneError):
    """A file that is not SAIF, or says something that cannot be."""


@dataclass(frozen=True)
class Net:
    """One bit over a window: clocks at 1, and changes."""

    high: int
    toggles: int


@dataclass(frozen=True)
class Window:
    """`nets` by name, bits as in `bus[3]`, over `clocks` clocks."""

    clocks: int
    nets: dict


def settled(low, high, toggles):
    """Toggles without the one that Verilator counts when a net that is always 1 gets its value."""
    return 0 if toggles == 1 and low <= 1 else toggles


def parse(text, where="SAIF"):
    """The Window that `text` describes; SaifError names `where` it is from.

    Of nets of one name, as are the ports of nested modules, the last is taken.
    """
    duration = DURATION.search(text)
    if not text.lstrip().startswith(("(SAIFILE", "//")) or "(SAIFILE" not in text or not duration:
        raise SaifError(f"{where}: not a SAIF file: no (SAIFILE ... (DURATION N)")
    if text.count("(") != text.count(")"):
        raise SaifError(f"{where}: {text.count('(')} opening and {text.count(')')} closing "
                        "parentheses: the file is cut short")
    clocks, nets, lines = int(duration[1]), {}, list(NET.finditer(text))
    for found in lines:
        low, high, toggles = (int(found[n]) for n in ("low", "high", "toggles"))
        name = found["name"].replace("\\", "")
        if low + high > clocks or toggles > clocks:
            raise SaifError(f"{where}: {name}: {low} + {high} clocks and {toggles} toggles in a "
                            f"window of {clocks}")
        nets[name] = Net(high, settled(low, high, toggles))
    if not nets or len(lines) != text.count("(TC "):
        raise SaifError(f"{where}: {text.count('(TC ')} nets, of which {len(lines)} can be read")
    return Window(clocks, nets)


def read(path):
    """The Window of a SAIF file; SaifError or OSError."""
    return parse(Path(path).read_text(), str(path))
