"""`tritone unpack`: released form again, with the same trits and bit for bit the same means."""

import json

import numpy as np
import pytest
from checkpoints import shape_of, write_checkpoint
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from tritone.host import cli
from tritone.model import spread, unpack
from tritone.model.checkpoint import Checkpoint
from tritone.model.convert import convert
from tritone.model.settings import is_matrix
from tritone.model.spread import plan, weights_of
from tritone.model.ternary import ternarise
from tritone.model.weights import DTYPES

KEY = "model.layers.0.attn.f_proj.weight"
KINDS = {
    "normal": lambda rng, shape: rng.normal(0, 1, shape),
    "no zero trit": lambda rng, shape: rng.uniform(0.7, 1.3, shape) * rng.choice([-1, 1], shape),
    "sparse": lambda rng, shape: rng.normal(0, 1, shape) * (rng.random(shape) < 0.05),
    "one in a thousand": lambda rng, shape: rng.normal(0, 1, shape) * (rng.random(shape) < 0.001),
    "heavy tails": lambda rng, shape: np.clip(rng.standard_t(1.2, shape), -900, 900),
    "one value": lambda rng, shape: np.ones(shape),
    "zero": lambda rng, shape: np.zeros(shape),
}


def matrix(kind, shape, exponent, dtype, seed):
    """A random matrix of a dtype, as float32."""
    values = KINDS[kind](np.random.default_rng(seed), shape) * 2.0**exponent
    return values.astype(DTYPES[dtype]).astype(np.float32)


def check(weight, dtype):
    """Whether `dtype` has weights with the trits and mean of `weight`; asserts those planned."""
    trits, mean = ternarise(weight)
    count = int(np.count_nonzero(trits))
    found = plan(mean, count, trits.size - count, dtype)
    if found is None:
        return False
    weights = weights_of(trits, found, dtype)
    assert weights.dtype == DTYPES[dtype] and weights.shape == weight.shape
    again = ternarise(weights.astype(np.float32))
    np.testing.assert_array_equal(again.trits, trits)
    assert again.mean == mean
    return True


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(shape=st.tuples(st.integers(1, 60), st.integers(16, 60)), exponent=st.integers(-12, 5),
       seed=st.integers(0, 2**32))
def test_weights_with_the_same_trits_and_mean_exist(kind, dtype, shape, exponent, seed):
    assert check(matrix(kind, shape, exponent, dtype, seed), dtype)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(-60000, 60000, width=16), min_size=1, max_size=4))
@example([60000.0])
@example([2.0**-24])
@example([0.0])
def test_tiny_matrices_are_exact_at_least_in_float32(values):
    weight = np.array([values], np.float32)
    check(weight, "F16")
    assert check(weight, "F32")


def test_magnitudes_are_spread_over_blocks(monkeypatch):
    monkeypatch.setattr(spread, "BLOCK", 64)
    assert check(matrix("normal", (50, 70), -4, "BF16", 1), "BF16")


def test_large_matrix_keeps_most_weights_at_two_values():
    weight = matrix("normal", (300, 400), -4, "BF16", 2)
    trits, mean = ternarise(weight)
    count = int(np.count_nonzero(trits))
    weights = weights_of(trits, plan(mean, count, trits.size - count, "BF16"), "BF16")
    values = np.unique(np.abs(weights).astype(np.float32), return_counts=True)
    assert sorted(values[1])[:-3] == [1] * (len(values[1]) - 3)


def test_mean_that_no_weights_have_is_not_found():
    assert plan(np.float32(0.1), 0, 100, "F32") is None
    assert plan(np.float32(0.3), 2, 10**7, "F16") is None  # beyond the largest float16
    assert plan(np.float32(0.3), 2, 10**7, "BF16") is not None


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_model_comes_back(tmp_path, dtype):
    folder = write_checkpoint(tmp_path / "released", shape_of(inner=161), dtype=dtype, shards=2,
                              config={"torch_dtype": "x"},
                              change=lambda t: t["model.layers.1.attn.o_proj.weight"].fill(0))
    convert(folder, tmp_path / "packed")
    assert cli.main(["unpack", str(tmp_path / "packed"), "-o", str(tmp_path / "back")]) == 0
    old, new = Checkpoint(folder), Checkpoint(tmp_path / "back")
    assert not new.is_packed and new.config == old.config
    for key in old.shapes:
        assert new.dtype(key) == dtype
        if is_matrix(key):
            one, other = old.matrix(key), new.matrix(key)
            np.testing.assert_array_equal(one.trits, other.trits)
            assert one.mean == other.mean
        else:
            np.testing.assert_array_equal(old.weights.read(key), new.weights.read(key))
    convert(tmp_path / "back", tmp_path / "again")
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "packed" / name).read_bytes()


def test_dtypes_of_single_matrices_come_back(tmp_path):
    def change(tensors):
        tensors[KEY] = tensors[KEY].astype(DTYPES["F32"])
    convert(write_checkpoint(tmp_path / "released", dtype="BF16", change=change),
            tmp_path / "packed")
    unpack.unpack(tmp_path / "packed", tmp_path / "back")
    back = Checkpoint(tmp_path / "back")
    assert back.dtype(KEY) == "F32" and back.dtype("lm_head.weight") == "BF16"


def test_it_is_deterministic_and_for_transformers(tmp_path):
    convert(write_checkpoint(tmp_path / "released", dtype="F16"), tmp_path / "packed")
    files = []
    for name in ("one", "other"):
        unpack.unpack(tmp_path / "packed", tmp_path / name)
        files.append((tmp_path / name / "model.safetensors").read_bytes())
    assert files[0] == files[1]
    with safe_open(tmp_path / "one" / "model.safetensors", framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_matrix_without_exact_weights_becomes_float32_and_says_so(tmp_path, capsys):
    """Two bfloat16 numbers whose sum unpack does not find another way to write."""
    key = "model.layers.0.mlp.down_proj.weight"

    def change(tensors):
        tensors[key] = np.array([[1.296875], [0.462890625]]).astype(DTYPES["BF16"])

    folder = write_checkpoint(tmp_path / "released", shape_of(2, 1, 1, 300), dtype="BF16",
                              change=change, config={"torch_dtype": "bfloat16"})
    convert(folder, tmp_path / "packed")
    status = cli.main(["unpack", str(tmp_path / "packed"), "-o", str(tmp_path / "back"), "--json"])
    out, err = capsys.readouterr()
    assert status == 0 and key in json.loads(out)["float32_matrices"]
    assert f"note: {key} is written in float32: no BF16 weights were found" in err
    back = Checkpoint(tmp_path / "back")
    assert back.dtype(key) == "F32" and back.config["torch_dtype"] == "float32"
    assert back.matrix(key).mean == Checkpoint(folder).matrix(key).mean == np.float32(0.8798828)


def refusal(capsys, *arguments):
    assert cli.main(["unpack", *[str(a) for a in arguments]]) == 1
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: ") and len(err.splitlines()) == 1
    return err


def test_what_is_not_packed_is_refused(tmp_path, capsys):
    folder = write_checkpoint(tmp_path / "released")
    message = refusal(capsys, folder, "-o", tmp_path / "back")
    assert f"{folder}: is in released form already" in message
    assert "config.json: missing" in refusal(capsys, tmp_path / "none", "-o", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_mean_that_its_trits_cannot_have_is_named(tmp_path, capsys):
    convert(write_checkpoint(tmp_path / "released"), tmp_path / "packed")
    path = tmp_path / "packed" / "model.safetensors"
    tensors = load_file(path)
    tensors[KEY][...] = 121  # all zero trits, whose mean is never that large
    save_file(tensors, path)
    message = refusal(capsys, tmp_path / "packed", "-o", tmp_path / "back")
    assert f"{path}: tensor {KEY} has 0 non-zero trits of 4096 and mean 0.0" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["packed", "released"]


def test_wrong_weights_are_never_written(tmp_path, capsys, monkeypatch):
    convert(write_checkpoint(tmp_path / "released"), tmp_path / "packed")
    monkeypatch.setattr(unpack, "weights_of", lambda *a: weights_of(*a) * np.float32(1.001))
    message = refusal(capsys, tmp_path / "packed", "-o", tmp_path / "back")
    assert "do not give back its trits and mean" in message
    assert sorted(p.name for p in tmp_path.iterdir()) == ["packed", "released"]
