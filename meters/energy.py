"""Joules of windows of time from samples of power, or why there are none."""

from statistics import median

import numpy as np

from ..common.errors import TritoneError

LEAST = 20  # samples in a window, those in the same fortieth of it counted once
LONGEST = 0.1  # gap between samples, as a share of the window


class NoEnergy(TritoneError):
    """The samples do not carry a figure; the message says why, with the numbers."""


def check_samples(t, start, end):
    """NoEnergy unless samples at the times `t` carry the window from `start` to `end`."""
    steps = np.diff(t)
    if len(steps) and steps.min() < 0:
        at = int(np.argmin(steps))
        raise NoEnergy(f"the meter's clock went back by {-steps[at]:.6g} s")
    if not len(t):
        raise NoEnergy("there are no samples")
    if t[0] > start or t[-1] < end:
        raise NoEnergy(f"the samples reach from {t[0] - start:.3f} s to {t[-1] - start:.3f} s of a "
                       f"window from 0 to {end - start:.3f} s")
    first, last = np.searchsorted(t, start, "right") - 1, np.searchsorted(t, end, "left")
    parts = (t[(t >= start) & (t <= end)] - start) / (end - start) * 2 * LEAST
    inside = len(np.unique(np.minimum(parts.astype(int), 2 * LEAST - 1)))
    if inside < LEAST:
        raise NoEnergy(f"{inside} samples in a window of {end - start:.3f} s, one in each "
                       f"{(end - start) / 2 / LEAST:.3g} s at most; at least {LEAST} are needed: a "
                       "longer run (--tokens), or a faster meter")
    gap = steps[first:last].max()
    if gap > LONGEST * (end - start):
        raise NoEnergy(f"a gap of {gap:.3f} s between samples in a window of {end - start:.3f} s; "
                       f"at most {LONGEST:.0%} of it may lack")


def joules(t, watts, start, end):
    """Energy from `start` to `end` by trapezoids, the power at both ends interpolated.

    t, watts : arrays [N]
        In seconds, never falling, and watts.

    Raises
    ------
    NoEnergy
    """
    check_samples(t, start, end)
    inside = (t > start) & (t < end)
    ends = np.interp((start, end), t, watts)
    times = np.concatenate(((start,), t[inside], (end,)))
    values = np.concatenate((ends[:1], watts[inside], ends[1:]))
    return float(np.trapezoid(values, times))


def spread(values):
    """{"median", "least", "most"} of figures."""
    values = [float(value) for value in values]
    return {"median": median(values), "least": min(values), "most": max(values)}


def _each(t, watts, windows, what):
    """Joules of each window; NoEnergy names the first that has none."""
    found = []
    for number, window in enumerate(windows, 1):
        try:
            found.append(joules(t, watts, *window))
        except NoEnergy as error:
            raise NoEnergy(f"{what}{f' {number}' if len(windows) > 1 else ''}: {error}") from error
    return found


def account(t, watts, idle, passes, tokens):
    """What a recording says of a run.

    Parameters
    ----------
    t, watts : arrays [N]
    idle : (start, end) or None
    passes : list of (start, end)
    tokens : int
        Of a pass, in whatever way they are counted.

    Returns
    -------
    dict
        "idle_watts", "running_watts", "difference_watts", "joules_a_pass", "joules_a_token" and
        "joules_a_token_above_idle", each a `spread` or None; "refused", a list of reasons.
    """
    refused = []

    def attempt(what, windows):
        try:
            return _each(t, watts, windows, what)
        except NoEnergy as error:
            refused.append(str(error))
            return None

    rest = attempt("idle", [idle]) if idle else None
    if not idle:
        refused.append("idle: it was not recorded")
    runs = attempt("pass", passes) if passes else None
    if not passes:
        refused.append("pass: none was completed")
    rest = rest and rest[0] / (idle[1] - idle[0])
    seconds = [end - start for start, end in passes]
    running = runs and [j / s for j, s in zip(runs, seconds)]
    known = running and rest is not None
    return {
        "idle_watts": None if rest is None else spread([rest]),
        "running_watts": running and spread(running),
        "difference_watts": spread([w - rest for w in running]) if known else None,
        "joules_a_pass": runs and spread(runs),
        "joules_a_token": runs and spread([j / tokens for j in runs]),
        "joules_a_token_above_idle": spread(
            [(j - rest * s) / tokens for j, s in zip(runs, seconds)]) if known else None,
        "refused": refused,
    }
