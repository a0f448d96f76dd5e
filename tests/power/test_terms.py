"""Sums of products and their ranges, against closed forms and by property."""

import math
from dataclasses import replace

import pytest
import toy_power as toy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritone.power.design import difference
from tritone.power.terms import Range, Term, by_factor, deviation, grouped, total

ONE = toy.energies()
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
TERMS = [Term("a", "lut", 3.0, ("lut", "glitches")), Term("b", "clock", 5.0, ("clock",)),
         Term("b", "ebr", 7.0, ("ebr",)), Term("c", "rest", 2.0, ("rest",))]

amounts = st.floats(1e-6, 1e6)
factors = st.floats(1.0, 10.0)
some_terms = st.lists(st.builds(
    Term, st.sampled_from("ab"), st.just("k"), amounts,
    st.sampled_from([("lut",), ("lut", "glitches"), ("clock",), ("rest", "conversion")])),
    min_size=1, max_size=6)


def test_a_term_is_its_amount_times_every_energy():
    energies = toy.energies(lut=0.5, glitches=1.25, clock=2.0, ebr=3.0, rest=0.25)
    assert total(TERMS, energies).typical == pytest.approx(3 * 0.5 * 1.25 + 5 * 2 + 7 * 3 + 0.5)


def test_the_range_of_one_term_is_its_factor_either_way():
    found = total([TERMS[1]], toy.energies(factor=2.5))
    assert (found.low, found.high) == (pytest.approx(5 / 2.5), pytest.approx(5 * 2.5))


def test_factors_of_one_term_add_their_squares():
    found = total([TERMS[0]], ONE)
    assert found.high == pytest.approx(3 * math.exp(math.hypot(math.log(2), math.log(2))))


def test_terms_of_different_energies_err_apart_and_of_one_together():
    sigma = math.log(2) / 2
    assert deviation(TERMS[1:3], ONE) == pytest.approx(sigma * math.hypot(5, 7))
    same = [Term("a", "clock", 5.0, ("clock",)), Term("b", "clock", 7.0, ("clock",))]
    assert deviation(same, ONE) == pytest.approx(sigma * 12)


def test_a_covariance_takes_the_place_of_the_factors():
    energies = replace(ONE, covariance={("clock", "clock"): 0.04, ("ebr", "ebr"): 0.04,
                                        ("clock", "ebr"): -0.04, ("ebr", "clock"): -0.04})
    assert deviation(TERMS[1:3], energies) == pytest.approx(0.2 * 2)  # |7 - 5|


def test_the_error_of_sampling_counts_for_its_kind_only():
    sigma = math.log(2) / 2
    assert deviation(TERMS[1:3], ONE, {"ebr": 0.5, "lut": 9.0}) == pytest.approx(
        math.sqrt((5 * sigma) ** 2 + (7 * sigma) ** 2 + 3.5 ** 2))


def test_the_gradient_is_what_each_energy_draws():
    assert by_factor(TERMS, ONE) == {"lut": 3.0, "glitches": 3.0, "clock": 5.0, "ebr": 7.0,
                                     "rest": 2.0}


def test_a_difference_forgets_what_both_have():
    shared = [Term("c", "rest", 2.0, ("rest",))]
    found = difference([*shared, TERMS[1]], shared)
    assert total(found, ONE).typical == pytest.approx(5.0)
    assert total(found, ONE).high == pytest.approx(10.0)


def test_nothing_draws_nothing():
    assert total([], ONE) == Range(0.0, 0.0, 0.0)


def test_groups_keep_every_term():
    assert {k: len(v) for k, v in grouped(TERMS, "block").items()} == {"a": 1, "b": 2, "c": 1}


@PATIENT
@given(some_terms, factors)
def test_ranges_are_nested_and_positive(terms, factor):
    found = total(terms, toy.energies(factor=factor))
    assert 0 < found.low <= found.typical <= found.high < math.inf


@PATIENT
@given(some_terms, factors, factors)
def test_a_larger_factor_gives_a_wider_range(terms, one, other):
    narrow, wide = (total(terms, toy.energies(factor=f)) for f in sorted((one, other)))
    assert wide.low <= narrow.low * (1 + 1e-9) and narrow.high <= wide.high * (1 + 1e-9)
    assert narrow.typical == wide.typical


@PATIENT
@given(some_terms, st.floats(1.0, 100.0))
def test_more_of_everything_draws_as_much_more(terms, times):
    more = [replace(t, amount=t.amount * times) for t in terms]
    for name in ("low", "typical", "high"):
        assert getattr(total(more, ONE), name) == pytest.approx(
            times * getattr(total(terms, ONE), name))


@PATIENT
@given(some_terms)
def test_a_sum_is_never_less_certain_than_its_parts(terms):
    whole = total(terms, ONE)
    assert whole.high <= sum(total([t], ONE).high for t in terms) * (1 + 1e-9)
