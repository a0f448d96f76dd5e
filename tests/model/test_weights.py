"""Files of weights: shards that agree with their index, and no pickles."""

import json

import numpy as np
import pytest
from checkpoints import shard_name, shape_of, write_checkpoint
from safetensors.numpy import load_file, save_file

from tritone.model.checkpoint import Checkpoint, CheckpointError

INDEX = "model.safetensors.index.json"
KEY = "model.layers.1.attn.o_proj.weight"


@pytest.fixture
def sharded(tmp_path):
    return write_checkpoint(tmp_path / "sharded", shards=3)


def refusal(folder):
    with pytest.raises(CheckpointError) as caught:
        Checkpoint(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def place(folder, key=KEY):
    return folder / json.loads((folder / INDEX).read_text())["weight_map"][key]


def change_index(folder, change):
    index = json.loads((folder / INDEX).read_text())
    change(index["weight_map"])
    (folder / INDEX).write_text(json.dumps(index))


def test_shards_hold_what_a_single_file_holds(tmp_path, sharded):
    single = Checkpoint(write_checkpoint(tmp_path / "single"))
    checkpoint = Checkpoint(sharded)
    assert len({entry.path for entry in checkpoint.weights.entries.values()}) == 3
    assert list(checkpoint.shapes) == list(single.shapes)
    for key in single.shapes:
        np.testing.assert_array_equal(checkpoint.tensor(key), single.tensor(key))


def test_missing_shard_is_named(sharded):
    (sharded / shard_name(1, 3)).unlink()
    assert f"{sharded / shard_name(1, 3)}: missing" in refusal(sharded)


def test_truncated_shard_is_named(sharded):
    path = sharded / shard_name(2, 3)
    path.write_bytes(path.read_bytes()[:-5])
    assert f"{path}: not a whole safetensors file" in refusal(sharded)


def test_tensor_that_its_shard_lacks_is_named(sharded):
    path = place(sharded)
    save_file({k: t for k, t in load_file(path).items() if k != KEY}, path)
    assert f"{path}: tensor {KEY} is missing; {INDEX} says" in refusal(sharded)


def test_tensor_that_is_elsewhere_than_the_index_says_is_named(sharded):
    path, other = place(sharded), place(sharded, "model.norm.weight")
    assert path != other
    change_index(sharded, lambda places: places.update({KEY: other.name}))
    lacks = f"{other}: tensor {KEY} is missing; {INDEX} says that it is in this file"
    has = f"{path}: unexpected tensor {KEY}; {INDEX} says that it is in {other.name}"
    assert refusal(sharded) == (lacks if other < path else has)


def test_tensor_that_the_index_does_not_have_is_named(sharded):
    path = place(sharded)
    change_index(sharded, lambda places: places.pop(KEY))
    assert f"{path}: unexpected tensor {KEY}" in refusal(sharded)


def test_tensor_in_two_shards_is_named(sharded):
    path, other = place(sharded), place(sharded, "model.norm.weight")
    save_file(load_file(other) | {KEY: load_file(path)[KEY]}, other)
    assert f"{other}: unexpected tensor {KEY}; {INDEX} says that it is in {path.name}" in \
        refusal(sharded)


def test_tensor_that_no_shard_has_is_named(sharded):
    path = place(sharded)
    change_index(sharded, lambda places: places.pop(KEY))
    save_file({k: t for k, t in load_file(path).items() if k != KEY}, path)
    assert f"{sharded / INDEX}: tensor {KEY} is missing; expected shape [64, 64]" in \
        refusal(sharded)


@pytest.mark.parametrize("name", ["../model.safetensors", "", "/etc/passwd", 7])
def test_index_that_leaves_its_folder_is_refused(sharded, name):
    change_index(sharded, lambda places: places.update({KEY: name}))
    assert f"tensor {KEY} is in {name!r}" in refusal(sharded)


@pytest.mark.parametrize("text", ["[]", "{", '{"weight_map": {}}', '{"weight_map": 3}'])
def test_index_that_is_none_is_refused(sharded, text):
    (sharded / INDEX).write_text(text)
    assert f"{sharded / INDEX}: " in refusal(sharded)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "pytorch_model.bin.index.json"])
def test_pickles_are_refused_unread(tmp_path, name):
    folder = write_checkpoint(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / name).mkdir()  # whoever opens it fails in another way
    message = refusal(folder)
    assert f"{folder / name}: weights in a pickle" in message
    assert "unpickling runs any code" in message and "safe_serialization=True" in message


def test_shard_that_is_a_pickle_is_refused(sharded):
    change_index(sharded, lambda places: places.update({KEY: "pytorch_model.bin"}))
    assert f"{sharded / 'pytorch_model.bin'}: weights in a pickle" in refusal(sharded)


def test_a_pickle_beside_safetensors_does_no_harm(tmp_path):
    folder = write_checkpoint(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert Checkpoint(folder).shape == shape_of()


def test_folder_without_weights_is_named(tmp_path):
    folder = write_checkpoint(tmp_path)
    (folder / "model.safetensors").unlink()
    assert f"{folder / 'model.safetensors'}: missing; expected the model's weights" in \
        refusal(folder)
