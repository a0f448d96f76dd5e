"""Watts as sums of products: what is counted, times the energies that it takes.

    terms = [Term("Results", "lut", 3e9, ("lut", "glitches")), ...]
    watts = total(terms, energies)              # Range(low, typical, high)

A term is its amount (a second) times every energy that it names, so its logarithm is linear in
those of the energies. These are thought of as normal around the logarithm of `typical`, with
`factor` as two standard deviations. A sum's standard deviation follows to first order from

    variance(W) = sum over a, b of  W_a W_b covariance(a, b),   W_a = watts in which a is a factor

and its range is W exp(-2 s / W) to W exp(2 s / W): for a single term exactly typical / factor to
typical * factor, never negative, and narrower than its parts when these err independently.
"""

import math
from collections import defaultdict
from dataclasses import dataclass

from .energies import SIGMAS


@dataclass(frozen=True)
class Term:
    """`amount` a second (or watts, times factors without a dimension) of `kind` in `block`."""

    block: str
    kind: str
    amount: float
    factors: tuple


@dataclass(frozen=True)
class Range:
    """95 % of what is thought possible, with `typical` in the middle of its logarithm."""

    low: float
    typical: float
    high: float

    def over(self, divisor):
        """Each of the three divided."""
        return Range(self.low / divisor, self.typical / divisor, self.high / divisor)

    def to_dict(self):
        return {name: float(f"{value:.5g}") for name, value in vars(self).items()}


def watts(term, energies):
    """Typical watts of a term."""
    return term.amount * math.prod(energies.values[name].typical for name in term.factors)


def by_factor(terms, energies):
    """{energy: watts of the terms in which it is a factor}: the gradient in its logarithm."""
    gradient = defaultdict(float)
    for term in terms:
        drawn = watts(term, energies)
        for name in term.factors:
            gradient[name] += drawn
    return dict(gradient)


def deviation(terms, energies, errors=None):
    """Standard deviation of the sum in watts. `errors` {kind: relative error of its amounts}."""
    gradient = by_factor(terms, energies)
    variance = sum(gradient[a] * gradient[b] * energies.covaries(a, b)
                   for a in gradient for b in gradient)
    for kind, error in (errors or {}).items():
        variance += (error * sum(watts(t, energies) for t in terms if t.kind == kind)) ** 2
    return math.sqrt(max(variance, 0.0))


def total(terms, energies, errors=None):
    """Range of the sum of the terms; all zero for none."""
    typical = sum(watts(term, energies) for term in terms)
    if typical <= 0:
        return Range(0.0, 0.0, 0.0)
    stretch = math.exp(SIGMAS * deviation(terms, energies, errors) / typical)
    return Range(typical / stretch, typical, typical * stretch)


def grouped(terms, key):
    """{key: terms}, in the order in which they first appear."""
    groups = {}
    for term in terms:
        groups.setdefault(getattr(term, key), []).append(term)
    return groups
