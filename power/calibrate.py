"""Fits the energies to measured runs: least squares around what energies.toml says.

Unknown are the logarithms x of one factor an energy. Each measured power P of a run, idle or
running, gives a residual (ln W(x) - ln P) / meter, each energy a residual x / sigma, where sigma
comes from its `factor`. Their squares' sum is least where the runs and the file together say.
`meter` is what a measurement may be off, relative: instrument and board together. The covariance
at that place is the new uncertainty; where it is hardly smaller than before, the runs cannot tell.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..common.boards import PRESET_OF
from .activity import KEPT
from .energies import EnergyError
from .estimate import subject
from .terms import by_factor, watts

STEPS = 50
CLOSE = 1e-9
METER = 0.03  # relative: a USB meter of 1 to 2 %, and a board that is not quite the model's
LEARNT = 0.9  # of the standard deviation before: above it a run has not determined a factor
STATES = {"idle_watts": "idle", "running_watts": "running"}


@dataclass(frozen=True)
class Observation:
    """A measured power, and the terms that should add up to it."""

    name: str
    terms: list
    watts: float


@dataclass(frozen=True)
class Fit:
    """What the runs say: `factors` {energy: multiplier}, their logarithms' `covariance`
    [len(names), len(names)], `share` of each prior standard deviation that is left, and the
    `residuals` {observation: modelled over measured}."""

    names: list
    factors: dict
    covariance: np.ndarray
    share: dict
    residuals: dict

    @property
    def undetermined(self):
        """Energies of which the runs say next to nothing."""
        return [name for name in self.names if self.share[name] > LEARNT]


def figure(run, name, where):
    """Measured watts of a run of host/measure.py; None where it has none. EnergyError for watts
    that were not measured."""
    energy = run.get("energy")
    if not isinstance(energy, dict):
        raise EnergyError(f"{where}: no energy in it; a run of make measure with a METER has")
    entry = energy.get(name)
    if entry is None:
        return None
    provenance = entry.get("provenance", energy.get("provenance")) \
        if isinstance(entry, dict) else None
    if provenance != "measured":
        raise EnergyError(f"{where}: {name} is {provenance or 'of unknown provenance'}, "
                          "not measured: nothing can be learnt from it")
    value = entry.get("median", entry.get("value"))
    if not isinstance(value, int | float) or not 0 < value < 1000:
        raise EnergyError(f"{where}: {name} = {value!r} is no power of a board")
    return float(value)


def board_name(run, chosen, where):
    """The board's name, which a run that went through a port does not know; EnergyError if it is
    none, or one with another machine than the one that ran."""
    said = str(run.get("board"))
    if said in PRESET_OF and chosen not in (None, said):
        raise EnergyError(f"{where}: this is a run of {said}, not of {chosen}")
    name = chosen or said
    if name not in PRESET_OF:
        raise EnergyError(f"{where}: which board is {name!r}? say --board, one of "
                          f"{', '.join(PRESET_OF)}")
    if run.get("preset", PRESET_OF[name]) != PRESET_OF[name]:
        raise EnergyError(f"{where}: {name} has the machine {PRESET_OF[name]}, but "
                          f"{run['preset']} ran")
    return name


def observations(path, energies, chosen=None, kept=KEPT):
    """The Observations of a run's JSON file; EnergyError says what it lacks."""
    try:
        run = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise EnergyError(f"{path}: {error}") from error
    if not isinstance(run, dict):
        raise EnergyError(f"{path}: not a run of make measure")
    found = {name: figure(run, name, path) for name in STATES}
    if not isinstance(run.get("model", ""), str):
        raise EnergyError(f"{path}: model = {run['model']!r} is no name of a model")
    if not any(found.values()):
        raise EnergyError(f"{path}: neither idle nor running watts in it")
    design = subject(board_name(run, chosen, path), run.get("model"), energies, kept).design
    return [Observation(f"{path} {STATES[name]}", getattr(design, STATES[name])(), value)
            for name, value in found.items() if value]


def slopes(observations, energies, names):
    """ln W [N] and its derivatives [N, names] by the logarithms of the energies."""
    logs, rows = [], []
    for seen in observations:
        power = sum(watts(term, energies) for term in seen.terms)
        gradient = by_factor(seen.terms, energies)
        logs.append(np.log(power))
        rows.append([gradient.get(name, 0.0) / power for name in names])
    return np.array(logs), np.array(rows)


def fit(observations, energies, meter=METER):
    """The Fit of energies to observations, by Gauss and Newton; EnergyError if none is reached."""
    if not observations:
        raise EnergyError("no measured run to learn from")
    names = list(energies.values)
    prior = np.array([max(energies.values[name].sigma, 1e-6) for name in names])
    seen = np.log([o.watts for o in observations])
    x = np.zeros(len(names))
    for _ in range(STEPS):
        logs, rows = slopes(observations, energies.scaled(dict(zip(names, np.exp(x)))), names)
        information = rows.T @ rows / meter**2 + np.diag(prior**-2.0)
        step = np.linalg.solve(information, rows.T @ (seen - logs) / meter**2 - x / prior**2)
        x = x + step
        if np.abs(step).max() < CLOSE:
            break
    else:
        raise EnergyError(f"the fit did not settle within {STEPS} steps: are these runs of this "
                          "board?")
    covariance = np.linalg.inv(information)
    share = np.sqrt(np.diag(covariance)) / prior
    return Fit(names, dict(zip(names, np.exp(x).tolist())), covariance,
               dict(zip(names, share.tolist())),
               {o.name: float(np.exp(log - s)) for o, log, s in zip(observations, logs, seen)})


def calibrated(energies, record):
    """Energies with the record of a calibration file; EnergyError if it is of other energies."""
    try:
        names, matrix, made_with = record["names"], record["covariance"], record["typical"]
        factors = {name: float(record["factors"][name]) for name in names}
        count = len(record["runs"])
        pairs = {(a, b): float(matrix[i][j]) for i, a in enumerate(names)
                 for j, b in enumerate(names)}
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise EnergyError(f"not a calibration: {error!r}") from error
    if set(names) != set(energies.values) or made_with != typicals(energies):
        raise EnergyError("the calibration was made with other energies: tritone power calibrate "
                          "again")
    mark = f"estimated, calibrated with {count} run{'s' * (count != 1)}"
    return replace(energies.scaled(factors), covariance=pairs, mark=mark)


def typicals(energies):
    """{name: [typical, factor]}: what a calibration file must have been made with."""
    return {name: [value.typical, value.factor] for name, value in energies.values.items()}


def record(found, energies, runs, meter):
    """What a calibration file holds."""
    return {
        "runs": [str(run) for run in runs], "meter": meter, "names": found.names,
        "factors": found.factors, "covariance": found.covariance.tolist(),
        "left_of_prior": found.share, "undetermined": found.undetermined,
        "model_over_measured": found.residuals, "typical": typicals(energies),
    }
