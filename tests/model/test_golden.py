"""The golden model: held to the float reference, and to itself."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritone.common.formats import DEFAULT, FORMATS
from tritone.model.golden import (Golden, bit_length, magnitude_bits, saturate, shift_floor,
                                  shift_round)
from tritone.model.integers import block_fixed, closest_fixed, integer_model
from tritone.model.reference import Reference, sigmoid
from tritone.sim.elementwise import corners
from tritone.sim.elementwise import golden as blocks

ORACLE = Path(__file__).parents[1] / "data" / "oracle_h64"


@pytest.fixture(scope="module")
def model():
    return integer_model(ORACLE)


@pytest.fixture(scope="module")
def golden(model):
    return Golden(model)


@given(st.integers(-2**40, 2**40), st.integers(-8, 50))
def test_shift_round_is_to_nearest_with_halves_up(x, places):
    exact = (2 * x + 2**places) // 2**(places + 1) if places > 0 else x * 2**-places
    assert int(shift_round(np.int64(x), places)) == exact


@given(st.integers(0, 2**62 - 1), st.integers(-70, 70))
def test_shift_floor_truncates_and_saturates(x, places):
    exact = min(x << -places, 2**62 - 1) if places < 0 else x >> places
    assert int(shift_floor(np.int64(x), places)) == exact


@given(st.integers(0, 2**63 - 1))
def test_bit_length_is_pythons(x):
    assert int(bit_length(np.int64(x))) == x.bit_length()


@given(st.lists(st.integers(-2**31, 2**31 - 1), min_size=1))
def test_magnitude_bits_is_the_smallest_that_holds_all(xs):
    b = int(magnitude_bits(np.array(xs, np.int64))[0])
    assert all(-2**b <= x < 2**b for x in xs)
    assert b == 0 or any(not -2**(b - 1) <= x < 2**(b - 1) for x in xs)


def test_saturation_is_symmetric():
    assert saturate(np.array([-9, -8, -7, 7, 8]), 4).tolist() == [-7, -7, -7, 7, 7]


def test_block_fixed_fills_its_bits():
    for largest in (1e-3, 0.49, 1.0, 1.99, 700.0):
        integers, fraction = block_fixed(np.array([largest, -largest / 3]), 16)
        assert 2**14 <= integers[0] < 2**15
        np.testing.assert_allclose(integers * 2.0**-fraction, [largest, -largest / 3], rtol=1e-4)


def test_closest_fixed_saturates_where_all_others_gain():
    """In 4 bits, a step of 1, which reaches 5, takes 0.25 from each 1.25; one of 0.5 as well; one
    of 0.25 meets them and makes 1.75 of the 5."""
    values = np.array([1.25] * 200 + [5.0])
    integers, fraction = closest_fixed(values, 4)
    assert fraction == 2 and integers.tolist() == [5] * 200 + [7]
    few = np.array([1.25] * 100 + [5.0])  # 100 x 0.25**2 is less than 3.25**2
    assert closest_fixed(few, 4)[1] == 0
    for bits in (16, 32):  # where nothing is gained, as block_fixed
        given, expected = closest_fixed(values, bits), block_fixed(values, bits)
        assert given[0].tolist() == expected[0].tolist() and given[1] == expected[1]
    assert closest_fixed(np.zeros(3), 4)[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("formats", FORMATS.values(), ids=FORMATS)
def test_sigmoid_is_within_its_bound(formats):
    """A straight piece of width w is w**2 / 8 times the curvature off; three roundings follow."""
    f, g = formats, blocks(formats)
    a = np.arange(-20 << f.value_frac, 20 << f.value_frac, max(1, (1 << f.value_frac) // 2341))
    exact = 1 / (1 + np.exp(-a / 2**f.value_frac))
    width, least = 2.0 ** (f.sigmoid_range_bits - f.sigmoid_index_bits), 2.0 ** -f.sigmoid_frac
    bound = width**2 / 8 * 0.0963 + 1.5 * least
    assert np.abs(g.sigmoid(a) * least - exact).max() < bound
    assert g.sigmoid(a).max() * least < 1


@pytest.mark.parametrize("formats", FORMATS.values(), ids=FORMATS)
def test_extremes_need_no_more_than_64_bits(formats):
    """The same functions on Python's unbounded integers."""
    f, g = formats, blocks(formats)
    ends = np.array(corners(f.value_bits), np.int64)
    a, b = (x.reshape(-1) for x in np.meshgrid(ends, ends))
    assert g.gate(a, b).tolist() == g.gate(a.astype(object), b.astype(object)).tolist()
    longest = np.repeat(ends, 1 << 13)
    assert g.energy(longest).tolist() == g.energy(longest.astype(object)).tolist()
    sums, exponents = (-127 << 16, -1, 0, 1, 127 << 16), np.arange(-90, 20)[:, None]
    narrow, wide = (g.scale(np.array(sums, kind), SimpleNamespace(
        mantissa=np.array([(1 << f.scale_bits) - 1], kind), exponent=exponents.astype(kind)),
        f.residual_bits, f.residual_frac) for kind in (np.int64, object))
    assert narrow.tolist() == wide.tolist()


def test_codes_agree_with_the_authors(golden, model):
    recorded = np.load(ORACLE / "ints.npz")
    layer = model.layers[0]
    x = recorded["model.layers.0.mlp.down_proj.x"].reshape(-1)
    fixed = np.rint(x * 2.0**DEFAULT.product_frac).astype(np.int64)
    codes, _, _ = golden.linear(fixed, layer.norms["down"])
    expected = recorded["model.layers.0.mlp.down_proj.act_q"].reshape(-1)
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(golden.ternary_array(expected, layer.trits["down"]),
                                  recorded["model.layers.0.mlp.down_proj.acc"].reshape(-1))


def test_logits_follow_the_reference(golden):
    reference = Reference(ORACLE)
    tokens = np.random.default_rng(5).integers(0, 128, (16, 20))
    state, float_state = golden.start(16), reference.start(16)
    divergence, agreement = [], []
    for t in range(20):
        ours = golden.head(golden.body(tokens[:, t], state)) / 2**16
        theirs = reference.step(tokens[:, t], float_state).astype(np.float64)
        p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (theirs, ours))
        divergence.append((p * np.log(p / q)).sum(-1).mean())
        agreement.append((ours.argmax(-1) == theirs.argmax(-1)).mean())
    assert np.mean(divergence) < 1e-5
    assert np.mean(agreement) > 0.99


def test_batch_and_single_stream_give_the_same_bits(golden):
    tokens = np.random.default_rng(6).integers(0, 128, (3, 12))
    state = golden.start(3)
    together = [golden.head(golden.body(tokens[:, t], state)) for t in range(12)]
    for n in range(3):
        alone = golden.start()
        for t in range(12):
            np.testing.assert_array_equal(golden.head(golden.body(tokens[n, t], alone)),
                                          together[t][n])
        np.testing.assert_array_equal(alone, state[:, n])


def test_prompt_at_once_and_token_by_token_agree(golden):
    prompt = [3, 1, 4, 1, 5]
    state = golden.start()
    for token in prompt[:-1]:
        golden.body(token, state)
    first = list(golden.generate(prompt[-1:], 6, state=state))
    assert first == list(golden.generate(prompt, 6))


def test_same_seed_same_text_other_seed_other_text(golden):
    draw = lambda seed: list(golden.generate([1], 20, temperature=4096, seed=seed))  # noqa: E731
    assert draw(1) == draw(1) != draw(2)


@pytest.mark.parametrize("name, tolerance", [("fine", 4e-6), ("compact", 3e-4)])
def test_gate_is_the_recurrence(name, tolerance):
    """h' = f h + silu(i)(1 - f), against floats, for gates near 0, 1/2 and 1."""
    f, golden = FORMATS[name], blocks(FORMATS[name])
    rng = np.random.default_rng(7)
    candidate, forget = rng.normal(0, 1, 500), rng.normal(0, 4, 500)
    floor, h = rng.uniform(0, 1, 500), rng.normal(0, 1, 500)
    keep = floor + (1 - floor) * sigmoid(forget)
    exact = keep * h + candidate * (1 - keep)
    fixed = lambda x, frac: np.rint(x * 2.0**frac).astype(np.int64)  # noqa: E731
    floors = np.clip(fixed(1 - floor, f.floor_bits), 0, 2**f.floor_bits - 1)
    ours = golden.mlgru(fixed(candidate, f.value_frac), fixed(forget, f.value_frac), floors,
                        fixed(h, f.state_frac))
    np.testing.assert_allclose(ours / 2**f.state_frac, exact, atol=tolerance)
