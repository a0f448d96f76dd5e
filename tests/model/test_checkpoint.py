"""What a bad checkpoint gets: one line that names file, tensor and what was expected."""

import json

import numpy as np
import pytest
from checkpoints import random_tensors, shape_of, write_checkpoint

from tritone.model.checkpoint import Checkpoint, CheckpointError
from tritone.model.weights import DTYPES


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
    ({"model_type": "llama"}, "model_type is 'llama'; expected 'hgrn_bit'"),
    ({"hidden_size": "many"}, "hidden_size is 'many'; expected a positive whole number"),
    ({"hidden_size": True}, "hidden_size is True"),
    ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
    ({"num_hidden_layers": 10**12}, "model.lower_bounds has shape [2, 64]; expected [1000000"),
    ({"num_hidden_layers": 10**12, "use_lower_bound": False},
     "model.layers.2.attn.i_proj.weight is missing"),
    ({"vocab_size": None}, "vocab_size is None"),
    ({"intermediate_size": -1}, "intermediate_size is -1"),
    ({"intermediate_size": None, "hidden_ratio": 0}, "hidden_ratio is 0"),
    ({"intermediate_size": None, "hidden_ratio": float("nan")}, "hidden_ratio is nan"),
    ({"rms_norm_eps": 1e-5}, "rms_norm_eps is 1e-05; expected 1e-06"),
    ({"rms_norm_eps": float("nan")}, "rms_norm_eps is nan"),
    ({"rms_norm_eps": "small"}, "rms_norm_eps is 'small'"),
    ({"use_lower_bound": "yes"}, "use_lower_bound is 'yes'; expected true or false"),
    ({"use_short_conv": True}, "use_short_conv is True; expected false: short convolutions"),
    ({"tie_word_embeddings": True}, "tie_word_embeddings is True; expected false"),
    ({"expand_ratio": 2}, "expand_ratio is 2; expected 1"),
    ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
    ({"attn_mode": "softmax"}, "attn_mode is 'softmax'"),
    ({"num_heads": 0}, "num_heads is 0; expected a divisor of hidden_size 64"),
    ({"num_heads": 7}, "num_heads is 7; expected a divisor of hidden_size 64"),
    ({"num_heads": "all"}, "num_heads is 'all'"),
    ({"quantization_config": {"quant_method": "awq"}}, "quantization_config is not of method"),
])
def test_config_that_does_not_fit_is_refused(tmp_path, config, words):
    write_checkpoint(tmp_path, config=config)
    message = refusal(tmp_path)
    assert words in message and str(tmp_path) in message


@pytest.mark.parametrize("config", [
    {"num_heads": 4}, {"hidden_act": "silu"}, {"attn_mode": "fused_recurrent"}, {"conv_size": 9},
    {"expand_ratio": 1.0}, {"max_position_embeddings": 1}, {"use_short_conv": None},
    {"torch_dtype": "bfloat16"},
    {"num_heads": None, "rms_norm_eps": None, "use_lower_bound": None, "hidden_ratio": None}])
def test_config_without_effect_is_accepted(tmp_path, config):
    assert Checkpoint(write_checkpoint(tmp_path, config=config)).shape == shape_of()


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_every_released_dtype_is_read_as_float32(tmp_path, dtype):
    checkpoint = Checkpoint(write_checkpoint(tmp_path, dtype=dtype))
    key = "model.layers.1.mlp.down_proj.weight"
    expected = random_tensors(shape_of())[key].astype(DTYPES[dtype]).astype(np.float32)
    assert checkpoint.dtype(key) == dtype and checkpoint.tensor(key).dtype == np.float32
    np.testing.assert_array_equal(checkpoint.tensor(key), expected)


@pytest.mark.parametrize("dtype, name", [(np.float64, "F64"), (np.int8, "I8"), (np.uint8, "U8")])
def test_other_dtypes_are_refused_by_name(tmp_path, dtype, name):
    def change(tensors):
        tensors["model.norm.weight"] = tensors["model.norm.weight"].astype(dtype)
    write_checkpoint(tmp_path, change=change)
    assert f"model.norm.weight has dtype {name}; expected F32 or F16 or BF16" in refusal(tmp_path)


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


def test_config_keeps_json(tmp_path):
    folder = write_checkpoint(tmp_path)
    assert json.loads((folder / "config.json").read_text()) == Checkpoint(folder).config
