"""The float reference against what the authors' code computed."""

from pathlib import Path

import numpy as np
import pytest
from tritone.model.checkpoint import Checkpoint, ternarise
from tritone.model.reference import Reference, activation_codes, rmsnorm

ORACLE = Path(__file__).parents[1] / "data" / "oracle_h64"


@pytest.fixture(scope="module")
def integers():
    return np.load(ORACLE / "ints.npz")


@pytest.fixture(scope="module")
def checkpoint():
    return Checkpoint(ORACLE)


def linears(integers):
    return sorted(key.removesuffix(".ternary") for key in integers if key.endswith(".ternary"))


def test_trits_are_the_authors(checkpoint, integers):
    for name in linears(integers):
        trits, mean = ternarise(checkpoint.tensor(f"{name}.weight"))
        np.testing.assert_array_equal(trits, integers[f"{name}.ternary"])
        assert mean == pytest.approx(float(integers[f"{name}.w_mean"]), rel=1e-6)


def test_codes_and_accumulators_are_the_authors(checkpoint, integers):
    for name in linears(integers):
        y = rmsnorm(integers[f"{name}.x"], checkpoint.tensor(f"{name}.norm.weight"))
        codes, _ = activation_codes(y)
        np.testing.assert_array_equal(codes, integers[f"{name}.act_q"].reshape(codes.shape))
        trits, _ = ternarise(checkpoint.tensor(f"{name}.weight"))
        np.testing.assert_array_equal((codes @ trits.T.astype(np.float32)).reshape(-1),
                                      integers[f"{name}.acc"].reshape(-1))


def test_logits_are_the_authors():
    recorded, model = np.load(ORACLE / "ref.npz"), Reference(ORACLE)
    state = model.start(1)
    for t, tokens in enumerate(recorded["input_ids"].T):
        logits = model.step(tokens, state)
        np.testing.assert_allclose(logits, recorded["logits_step"][:, t], atol=1e-5)
    np.testing.assert_allclose(state, recorded["state_step"][:, :, 0], atol=1e-6)


def test_greedy_continuation_is_the_authors():
    recorded, model = np.load(ORACLE / "ref.npz"), Reference(ORACLE)
    state = model.start()
    for token in recorded["input_ids"][0]:
        logits = model.step(token, state)
    drawn = []
    for _ in recorded["greedy"]:
        drawn.append(int(logits.argmax()))
        logits = model.step(drawn[-1], state)
    assert drawn == recorded["greedy"].tolist()
