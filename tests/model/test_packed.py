"""Packed folders that are damaged or contradict themselves."""

import json

import numpy as np
import pytest
from checkpoints import shape_of, write_checkpoint
from safetensors.numpy import load_file, save_file

from tritone.model.checkpoint import Checkpoint, CheckpointError
from tritone.model.convert import convert
from tritone.model.integers import integer_model

KEY, MEAN = "model.layers.0.mlp.down_proj.weight", "model.layers.0.mlp.down_proj.mean"


@pytest.fixture
def packed(tmp_path):
    """A model whose rows of 161 trits take 33 bytes: 4 trits of padding."""
    convert(write_checkpoint(tmp_path / "released", shape_of(inner=161)), tmp_path / "packed")
    return tmp_path / "packed"


def refusal(folder):
    with pytest.raises(CheckpointError) as caught:
        integer_model(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change_tensors(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def change_record(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] |= values
    (folder / "config.json").write_text(json.dumps(config))


def test_byte_that_is_no_five_trits_is_named(packed):
    change_tensors(packed, lambda t: t[KEY].__setitem__((5, 7), 243))
    assert f"tensor {KEY} has byte 243 at [5, 7]; expected five trits, 0 to 242" in refusal(packed)


def test_trits_beyond_a_row_are_named(packed):
    change_tensors(packed, lambda t: t[KEY].__setitem__((5, 32), 242))
    assert f"tensor {KEY} has trits beyond a row's 161" in refusal(packed)


@pytest.mark.parametrize("value, words", [(0.0, "is 0.0; expected at least 1e-05"),
                                          (-1.0, "is -1.0"), (np.nan, "holds NaN or infinity")])
def test_mean_that_is_none_is_named(packed, value, words):
    change_tensors(packed, lambda t: t[MEAN].__setitem__(0, value))
    assert f"tensor {MEAN} {words}" in refusal(packed)


@pytest.mark.parametrize("change, words", [
    (lambda t: t.pop(MEAN), f"tensor {MEAN} is missing; expected shape [1]"),
    (lambda t: t.update({KEY: t[KEY][:, :-1].copy()}), "shape [64, 32]; expected [64, 33]"),
    (lambda t: t.update({KEY: t[KEY].astype(np.float32)}), "dtype F32; expected U8"),
    (lambda t: t.update({MEAN: t[MEAN].astype(np.float16)}), "dtype F16; expected F32"),
    (lambda t: t.update(more=t[MEAN]), "unexpected tensor more"),
])
def test_tensors_that_do_not_fit_are_named(packed, change, words):
    change_tensors(packed, change)
    assert words in refusal(packed)


@pytest.mark.parametrize("values, words", [
    ({"version": 2}, "quantization_config.version is 2; expected 1"),
    ({"dtype": "F64"}, "quantization_config.dtype is 'F64'; expected F32 or F16 or BF16"),
    ({"other_dtypes": {KEY: None}}, "dtype is None"),
    ({"other_dtypes": []}, "other_dtypes is no object"),
    ({"trits": 7}, "quantization_config.trits is 7; expected 113792"),
    ({"sizes": {"hidden": 1}}, "quantization_config.sizes is {'hidden': 1}; expected {'hidden'"),
    ({"quant_method": "gptq"}, "quantization_config is not of method 'tritone'"),
])
def test_record_that_does_not_fit_is_refused(packed, values, words):
    change_record(packed, **values)
    message = refusal(packed)
    assert words in message and str(packed / "config.json") in message


def test_packed_weights_with_a_released_config_are_refused(packed):
    config = json.loads((packed / "config.json").read_text())
    del config["quantization_config"]
    (packed / "config.json").write_text(json.dumps(config))
    assert "has shape" in refusal(packed) or "has dtype U8" in refusal(packed)


def test_a_packed_matrix_is_no_tensor_of_floats(packed):
    with pytest.raises(CheckpointError, match="lm_head.weight is packed"):
        Checkpoint(packed).tensor("lm_head.weight")


def test_truncated_file_is_named(packed):
    path = packed / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path}: not a whole safetensors file" in refusal(packed)
