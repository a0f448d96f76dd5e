"""What a bad checkpoint gets: one line that names file, tensor and what was expected."""

import json

import numpy as np
import pytest
from checkpoints import shape_of, write_checkpoint
from tritone.model.checkpoint import Checkpoint, CheckpointError
from tritone.model.ternary import ternarise


def refusal(folder, key=None):
    with pytest.raises(CheckpointError) as caught:
        checkpoint = Checkpoint(folder)
        checkpoint.tensor(key)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_whole_checkpoint_is_read(tmp_path):
    checkpoint = Checkpoint(write_checkpoint(tmp_path))
    assert checkpoint.shape == shape_of()
    assert checkpoint.tensor("model.norm.weight").shape == (64,)


def test_intermediate_size_may_be_derived(tmp_path):
    shape = shape_of(hidden=96, inner=256)
    folder = write_checkpoint(tmp_path, shape, config={"intermediate_size": None})
    assert Checkpoint(folder).shape.inner == 256


def test_missing_tensor_is_named(tmp_path):
    write_checkpoint(tmp_path, change=lambda t: t.pop("model.layers.1.attn.g_norm.weight"))
    assert "model.layers.1.attn.g_norm.weight is missing" in refusal(tmp_path)


def test_extra_tensor_is_named(tmp_path):
    write_checkpoint(tmp_path, change=lambda t: t.update(extra=np.zeros(3, np.float32)))
    assert "unexpected tensor extra" in refusal(tmp_path)


def test_wrong_shape_is_named(tmp_path):
    def change(tensors):
        tensors["lm_head.weight"] = tensors["lm_head.weight"][:, :-1].copy()
    write_checkpoint(tmp_path, change=change)
    assert "lm_head.weight has shape [300, 63]; expected [300, 64]" in refusal(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    def change(tensors):
        tensors["lm_head.weight"][5, 3] = value
    write_checkpoint(tmp_path, change=change)
    assert "lm_head.weight holds NaN or infinity" in refusal(tmp_path, "lm_head.weight")


@pytest.mark.parametrize("config, words", [
    ({"model_type": "llama"}, "model_type is 'llama'"),
    ({"hidden_size": "many"}, "hidden_size is 'many'"),
    ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
    ({"rms_norm_eps": 1e-5}, "rms_norm_eps is 1e-05"),
    ({"use_short_conv": True}, "use_short_conv"),
])
def test_config_that_does_not_fit_is_refused(tmp_path, config, words):
    write_checkpoint(tmp_path, config=config)
    assert words in refusal(tmp_path)


def test_broken_files_are_named(tmp_path):
    write_checkpoint(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:1000])
    assert "not a whole safetensors file" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{")
    assert "not JSON" in refusal(tmp_path)
    assert "missing" in refusal(tmp_path / "nowhere")


def test_model_without_lower_bounds_has_zero_floors(tmp_path):
    folder = write_checkpoint(tmp_path, config={"use_lower_bound": False},
                              change=lambda t: t.pop("model.lower_bounds"))
    assert not Checkpoint(folder).floors().any()


def test_floors_rise_from_zero(tmp_path):
    floors = Checkpoint(write_checkpoint(tmp_path)).floors()
    assert not floors[0].any()
    assert (floors[1] > 0).all() and (floors[1] < 1).all()


def test_trits_round_halves_to_even():
    weight = np.array([[0.5, -0.5, 1.5, 0.51], [1.0, -3.0, 0.0, -0.99]], np.float32)
    weight *= 1 / np.abs(weight).mean()  # now the scale is 1
    trits, scale = ternarise(weight)
    assert scale == pytest.approx(1.0)
    exact = np.clip(np.rint(weight.astype(np.float64)), -1, 1)
    np.testing.assert_array_equal(trits, exact)


def test_all_zero_matrix_has_zero_trits():
    trits, scale = ternarise(np.zeros((4, 4), np.float32))
    assert not trits.any() and scale == pytest.approx(1e-5)


def test_config_keeps_json(tmp_path):
    folder = write_checkpoint(tmp_path)
    assert json.loads((folder / "config.json").read_text()) == Checkpoint(folder).config
