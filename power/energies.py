"""The energies of power/energies.toml: values, how sure they are, where they come from."""

import math
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..common.errors import TritoneError

FILE = Path(__file__).with_name("energies.toml")
SOURCES = ("published", "derived", "assumed")
SIGMAS = 2  # a factor covers 95 %: two standard deviations of the logarithm


class EnergyError(TritoneError):
    """The file of energies, or a calibration, lacks something or says something impossible."""


@dataclass(frozen=True, kw_only=True)
class Energy:
    """One value: `typical`, thought to be right within a `factor` either way."""

    typical: float
    factor: float
    unit: str
    source: str
    note: str = ""

    @property
    def sigma(self):
        """Standard deviation of the natural logarithm."""
        return math.log(self.factor) / SIGMAS


@dataclass(frozen=True, kw_only=True)
class Chip:
    """Published currents of an FPGA with a blank configuration, in mA."""

    core_ma: float
    aux_ma: float
    bank_ma: float
    banks: int
    core_volts: float


@dataclass(frozen=True)
class Energies:
    """`values` {name: Energy}, `chips` {device: Chip}, and how they vary together.

    covariance : {(name, name): covariance of the logarithms}
        Of a calibration; without one each value varies alone.
    mark : str
        What an estimate made with them is called.
    """

    values: dict
    chips: dict
    covariance: dict = field(default_factory=dict)
    mark: str = "estimated, uncalibrated"

    def covaries(self, a, b):
        """Covariance of the logarithms of two values."""
        if self.covariance:
            return self.covariance.get((a, b), 0.0)
        return self.values[a].sigma ** 2 if a == b else 0.0

    def scaled(self, factors):
        """With some of the values multiplied."""
        return replace(self, values={
            name: replace(value, typical=value.typical * factors.get(name, 1.0))
            for name, value in self.values.items()})


def make(kind, entry, where):
    """A `kind` of a table; EnergyError for what is missing, unknown or not positive."""
    if not isinstance(entry, dict):
        raise EnergyError(f"{where} = {entry!r} must be a table")
    try:
        made = kind(**entry)
    except TypeError as error:
        raise EnergyError(f"{where}: {str(error).split(')', 1)[-1].strip()}") from error
    for name, value in vars(made).items():
        if kind.__annotations__[name] in (float, int) and not (
                isinstance(value, int | float) and 0 < value < math.inf):
            raise EnergyError(f"{where}: {name} = {value!r} must be a number above 0")
        if kind.__annotations__[name] is str and not isinstance(value, str):
            raise EnergyError(f"{where}: {name} = {value!r} must be a text")
    return made


def table(tables, name, path):
    """tables[name], empty when it is missing; EnergyError when it is no table."""
    found = tables.get(name, {})
    if not isinstance(found, dict):
        raise EnergyError(f"{path}: {name} = {found!r} must be a table")
    return found


def load(path=FILE):
    """The Energies of a file; EnergyError names what is wrong."""
    try:
        tables = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EnergyError(f"{path}: {error}") from error
    chips = {name: make(Chip, entry, f"{path}: chips.{name}")
             for name, entry in table(tables, "chips", path).items() if isinstance(entry, dict)}
    values = {name: make(Energy, entry, f"{path}: energy.{name}")
              for name, entry in table(tables, "energy", path).items()}
    for name, value in values.items():
        if value.factor < 1:
            raise EnergyError(f"{path}: energy.{name}: factor = {value.factor} is below 1")
        if value.source.split(":")[0] not in SOURCES:
            raise EnergyError(f"{path}: energy.{name}: a source begins with "
                              f"{', '.join(SOURCES)}, not {value.source[:20]!r}")
    if not chips or not values:
        raise EnergyError(f"{path}: no [chips.NAME] or no [energy.NAME]")
    return Energies(values, chips)


def markdown(energies):
    """The table of docs/power.md."""
    rows = ["| name | value | factor | unit | source |", "|---|---|---|---|---|"]
    rows += [f"| {name} | {value.typical:g} | {value.factor:g} | {value.unit} | {value.source} |"
             for name, value in energies.values.items()]
    return "\n".join(rows)
