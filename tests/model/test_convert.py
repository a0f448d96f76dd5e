"""`tritone convert`: the packed model is the released one, and is there whole or not at all."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from checkpoints import random_tensors, shape_of, write_checkpoint, write_tokenizer
from safetensors import safe_open

from tritone.common.config import VIRTUAL
from tritone.compiler.tape import compile_integers
from tritone.host import cli, generate
from tritone.model import convert
from tritone.model.checkpoint import Checkpoint, CheckpointError
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.model.reference import Reference
from tritone.model.weights import DTYPES

LAST = "model.layers.1.mlp.down_proj.weight"


def run(capsys, *arguments):
    status = cli.main(["convert", *[str(a) for a in arguments]])
    out, err = capsys.readouterr()
    return status, out, err


def refusal(capsys, *arguments):
    status, out, err = run(capsys, *arguments)
    assert status == 1 and not out
    assert err.startswith("error: ") and len(err.splitlines()) == 1
    return err


def same(one, other):
    """Whether two values of dataclasses, lists, dicts and arrays are equal all the way down."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return one == other


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("shards", [1, 3])
def test_packed_model_is_the_released_one(tmp_path, dtype, shards):
    folder = write_checkpoint(tmp_path / "released", dtype=dtype, shards=shards)
    convert.convert(folder, tmp_path / "packed")
    released, packed = integer_model(folder), integer_model(tmp_path / "packed")
    assert same(released, packed)
    prompt = [5, 17, 250]
    assert list(Golden(packed).generate(prompt, 6)) == list(Golden(released).generate(prompt, 6))
    images = [compile_integers(model, VIRTUAL).image for model in (released, packed)]
    assert images[0] == images[1]


def test_float_reference_computes_the_same(tmp_path):
    folder = write_checkpoint(tmp_path / "released", shape_of(inner=161))
    convert.convert(folder, tmp_path / "packed")
    tokens = np.array([3, 200])
    logits = [model.step(tokens, model.start(2)) for model in
              (Reference(folder), Reference(tmp_path / "packed"))]
    np.testing.assert_array_equal(*logits)


def test_bytes_are_those_of_the_description(tmp_path):
    """docs/checkpoints.md: byte = sum of (trit + 1) 3**k, rows padded by zero trits."""
    folder = write_checkpoint(tmp_path / "released", shape_of(inner=161), dtype="BF16")
    convert.convert(folder, tmp_path / "packed")
    weight = random_tensors(shape_of(inner=161))[LAST].astype(DTYPES["BF16"]).astype(np.float64)
    mean = np.abs(weight).mean()
    trits = np.pad(np.clip(np.rint(weight / mean), -1, 1), ((0, 0), (0, 4)))
    expected = ((trits + 1).reshape(64, 33, 5) * [1, 3, 9, 27, 81]).sum(axis=2)
    with safe_open(tmp_path / "packed" / "model.safetensors", framework="numpy") as file:
        np.testing.assert_array_equal(file.get_tensor(LAST), expected)
        assert file.get_tensor(LAST.replace("weight", "mean")) == np.float32(mean)
        norm = file.get_tensor("model.norm.weight")
    assert norm.dtype == DTYPES["BF16"]


def test_config_says_what_was_packed(tmp_path, capsys):
    config = {"num_heads": 4, "comment": "kept"}
    folder = write_checkpoint(tmp_path / "released", dtype="F16", config=config)
    status, out, err = run(capsys, folder, "-o", tmp_path / "new" / "packed", "--json")
    assert (status, err) == (0, "")
    figures = json.loads(out)
    written = json.loads((tmp_path / "new" / "packed" / "config.json").read_text())
    record = written.pop("quantization_config")
    assert written == json.loads((folder / "config.json").read_text())
    assert record == {"quant_method": "tritone", "version": 1, "dtype": "F16", "other_dtypes": {},
                      "trits": shape_of().trits,
                      "sizes": {"hidden": 64, "layers": 2, "inner": 160, "vocabulary": 300}}
    assert figures["trits"] == shape_of().trits and figures["tokenizer"] is True
    size = (tmp_path / "new" / "packed" / "model.safetensors").stat().st_size
    assert figures["bytes_written"] == size < figures["bytes_read"] / 3
    assert figures["peak_memory_bytes"] > 1 << 20 and figures["seconds"] > 0


def test_other_files_travel_along_but_no_weights(tmp_path):
    folder = write_checkpoint(tmp_path / "released", shards=2)
    for name in ("generation_config.json", "LICENSE", "x.bin", "pytorch_model.bin.index.json"):
        (folder / name).write_text("{}")
    convert.convert(folder, tmp_path / "packed")
    assert {path.name for path in (tmp_path / "packed").iterdir()} == {
        "model.safetensors", "config.json", "tokenizer.json", "generation_config.json", "LICENSE"}
    assert (tmp_path / "packed" / "tokenizer.json").read_bytes() == \
        (folder / "tokenizer.json").read_bytes()


def test_all_zero_matrix_is_packed_and_named(tmp_path, capsys):
    def change(tensors):
        tensors[LAST][...] = 0
    folder = write_checkpoint(tmp_path / "released", change=change)
    status, out, _ = run(capsys, folder, "-o", tmp_path / "packed")
    assert status == 0 and f"note: {LAST} is all zeros" in out
    trits, mean = Checkpoint(tmp_path / "packed").matrix(LAST)
    assert not trits.any() and mean == np.float32(1e-5)


def test_model_without_tokenizer_is_packed_with_a_warning(tmp_path, capsys):
    folder = write_checkpoint(tmp_path / "released", tokenizer=False)
    status, _, err = run(capsys, folder, "-o", tmp_path / "packed")
    assert status == 0 and Checkpoint(tmp_path / "packed").is_packed
    assert err.startswith("warning: ") and "tokenizer.json" in err and err.count("\n") == 1


def test_tokenizer_of_another_size_is_refused(tmp_path, capsys):
    folder = write_checkpoint(tmp_path / "released")
    write_tokenizer(folder / "tokenizer.json", 290)
    message = refusal(capsys, folder, "-o", tmp_path / "packed")
    assert f"{folder / 'tokenizer.json'}: has 290 tokens; expected 300" in message
    (folder / "tokenizer.json").write_text("[]")
    assert "tokenizer.json: not a tokenizer" in refusal(capsys, folder, "-o", tmp_path / "packed")


def test_packing_twice_is_refused(tmp_path, capsys):
    convert.convert(write_checkpoint(tmp_path / "released"), tmp_path / "packed")
    message = refusal(capsys, tmp_path / "packed", "-o", tmp_path / "again")
    assert f"{tmp_path / 'packed'}: is packed already" in message and "lose their scale" in message
    assert not (tmp_path / "again").exists()


def test_bad_weights_leave_nothing(tmp_path, capsys):
    def change(tensors):
        tensors["model.norm.weight"][3] = np.nan
    folder = write_checkpoint(tmp_path / "released", change=change)
    message = refusal(capsys, folder, "-o", tmp_path / "packed")
    assert f"{folder / 'model.safetensors'}: tensor model.norm.weight holds NaN" in message
    assert [path.name for path in tmp_path.iterdir()] == ["released"]


def test_a_file_is_no_model(tmp_path, capsys):
    folder = write_checkpoint(tmp_path / "released")
    message = refusal(capsys, folder / "config.json", "-o", tmp_path / "packed")
    assert "config.json: is a file; expected a model folder" in message
    (folder / "x.pt").touch()
    assert "unpickling" in refusal(capsys, folder / "x.pt", "-o", tmp_path / "packed")


def test_existing_folder_is_replaced_only_when_forced(tmp_path, capsys):
    folder, other = write_checkpoint(tmp_path / "released"), tmp_path / "packed"
    write_checkpoint(other, shape_of(layers=1))
    assert f"{other}: exists already" in refusal(capsys, folder, "-o", other)
    assert Checkpoint(other).shape.layers == 1
    assert run(capsys, folder, "-o", other, "--force")[0] == 0
    assert Checkpoint(other).is_packed and Checkpoint(other).shape.layers == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "released"]


def test_force_replaces_nothing_but_models(tmp_path, capsys):
    folder, precious = write_checkpoint(tmp_path / "released"), tmp_path / "documents"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years")
    message = refusal(capsys, folder, "-o", precious, "--force")
    assert f"{precious}: is no model folder" in message
    assert "lies in" in refusal(capsys, folder, "-o", folder, "--force")
    assert "lies in" in refusal(capsys, folder, "-o", folder / "packed")
    assert (precious / "thesis.txt").is_file() and not Checkpoint(folder).is_packed


def test_ctrl_c_leaves_nothing(tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(convert, "pack_matrix", interrupted)
    status, out, err = run(capsys, write_checkpoint(tmp_path / "m"), "-o", tmp_path / "packed")
    assert (status, out, err) == (130, "", "interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("moment", ["write_rest", "pack_matrix", "mean_key"])
def test_kill_leaves_nothing_that_looks_complete(tmp_path, moment):
    folder, packed = write_checkpoint(tmp_path / "released"), tmp_path / "packed"
    program = f"""
import os, sys
from pathlib import Path
from tritone.model import convert
convert.{moment} = lambda *_: os.kill(os.getpid(), 9)
convert.convert(*map(Path, sys.argv[1:]))"""
    killed = subprocess.run([sys.executable, "-c", program, folder, packed], check=False,
                            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert killed.returncode == -signal.SIGKILL and not packed.exists()
    left = [path for path in tmp_path.iterdir() if path != folder]
    assert [path.name for path in left] == [".packed.partial"]
    assert not list(left[0].glob("*.safetensors"))
    with pytest.raises(CheckpointError, match="missing"):
        Checkpoint(left[0])
    convert.convert(folder, packed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "released"]


def test_text_is_generated_from_a_packed_folder(tmp_path, capsys):
    folder = write_checkpoint(tmp_path / "released", dtype="BF16")
    convert.convert(folder, tmp_path / "packed")
    tokens = []
    for model in (folder, tmp_path / "packed"):
        assert generate.main(["--board", "golden", "--model", str(model), "--prompt", "abc",
                              "--tokens", "5", "--json"]) == 0
        tokens.append(json.loads(capsys.readouterr().out)["tokens"])
    assert tokens[0] == tokens[1] and len(tokens[0]) == 5
