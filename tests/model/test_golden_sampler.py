"""The golden sampler draws from softmax(logits / temperature)."""

import numpy as np
import pytest

from tritone.common.tables import gumbel_pieces
from tritone.model.sampler import Sampler

ONE = 1 << 12  # of temperatures and Gumbel variates


def exact_quantile(u):
    """-ln(-ln((u + 1/2) / 2**32)), exact in both tails"""
    below = -np.log(-np.log((u + 0.5) / 2**32))
    above = -np.log(-np.log1p(-(2.0**32 - 0.5 - u) / 2**32))
    return np.where(u >> 31, above, below)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("octave", range(31))
def test_gumbel_is_the_quantile_function(upper, octave):
    low = 1 << octave
    p = np.unique(np.linspace(low, 2 * low - 1, 2000).astype(np.int64))
    u = (1 << 32) - 1 - p if upper else p
    assert np.abs(Sampler().gumbel(u) / ONE - exact_quantile(u)).max() < 0.002


def test_gumbel_reaches_both_ends():
    ends = np.array([0, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])
    assert np.abs(Sampler().gumbel(ends) / ONE - exact_quantile(ends)).max() < 0.002


def test_gumbel_has_mean_and_variance_of_the_distribution():
    variates = Sampler().gumbel(np.random.default_rng(1).integers(0, 1 << 32, 1 << 20)) / ONE
    assert abs(variates.mean() - np.euler_gamma) < 5 * 1.2825 / 2**10
    assert abs(variates.var() - np.pi**2 / 6) < 0.02  # fourth central moment 14.6: sigma 0.0034


def test_table_fits_one_block_ram():
    base, slope = gumbel_pieces()
    assert len(base) == len(slope) == 512
    assert -(1 << 17) <= min(base) and max(base) < 1 << 17
    assert -(1 << 10) <= min(slope) and max(slope) < 1 << 10


@pytest.mark.parametrize("temperature", [ONE // 2, ONE, 3 * ONE])
def test_draws_follow_the_softmax(temperature):
    logits = np.array([0.0, 1.5, -2.0, 0.25, 1.5, -4.0, 3.0, 2.0])
    scaled = np.exp(logits * ONE / temperature)
    sampler, draws = Sampler(seed=7), 20_000
    fixed = np.round(logits * 65536).astype(np.int64)
    drawn = np.bincount([sampler.sample(fixed, temperature) for _ in range(draws)], minlength=8)
    expected = draws * scaled / scaled.sum()
    chosen = expected > 5  # classes too rare for the chi-square approximation are left out
    chi_square = ((drawn - expected) ** 2 / expected)[chosen].sum()
    assert chi_square < 24.3, drawn  # 0.1 % point for 7 degrees of freedom


def test_many_unlikely_tokens_are_drawn_as_often_as_they_should():
    """Each has a probability of 8e-6, all together 0.24: only the far upper tail draws them."""
    rng, tokens, draws, gap = np.random.default_rng(2), 32_000, 1000, 11.5
    sampler, logits = Sampler(), np.full(32_000, -gap * ONE)
    logits[tokens // 2] = 0
    likely = sum(np.argmax(logits + sampler.gumbel(rng.integers(0, 1 << 32, tokens))) == tokens // 2
                 for _ in range(draws)) / draws
    expected = 1 / (1 + (tokens - 1) * np.exp(-gap))
    assert abs(likely - expected) < 4 * (expected * (1 - expected) / draws) ** 0.5


def test_a_seed_repeats_and_seeds_differ():
    logits = np.zeros(50, np.int64)

    def draw(seed):
        sampler = Sampler(seed)
        return [sampler.sample(logits, ONE) for _ in range(20)]

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


def test_temperature_zero_is_the_first_greatest():
    rng = np.random.default_rng(3)
    for _ in range(50):
        logits = rng.integers(-4, 5, 40)
        assert Sampler(int(rng.integers(1 << 60))).sample(logits, 0) == logits.argmax()


def test_the_generator_steps_for_greedy_draws_too():
    one, other, logits = Sampler(5), Sampler(5), np.zeros(30, np.int64)
    one.sample(logits, 0)
    other.sample(logits, ONE)
    assert one.state == other.state
