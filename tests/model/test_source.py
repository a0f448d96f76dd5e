"""A model from Hugging Face: what is fetched, and what a failure says."""

import os
import subprocess
import sys

import pytest
from checkpoints import write_checkpoint
from hub import serving

from tritone.model.checkpoint import Checkpoint, CheckpointError
from tritone.model.source import locate

NAME = "someone/A.Model-64"


def convert(tmp_path, url, source=NAME):
    """A run of the command in a process of its own, as the library reads the environment once."""
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    environment |= {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"),
                    "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-m", "tritone.host.cli", "convert", source, "-o", tmp_path / "packed"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)


def test_a_repository_is_fetched_and_packed(tmp_path):
    folder = write_checkpoint(tmp_path / "model", shards=2, dtype="BF16")
    (folder / "pytorch_model.bin").write_bytes(b"never to be fetched")
    with serving(NAME, folder) as hub:
        result = convert(tmp_path, hub.url)
    assert result.returncode == 0, result.stderr
    assert hub.fetched == {p.name for p in folder.iterdir()} - {"pytorch_model.bin"}
    packed = Checkpoint(tmp_path / "packed")
    assert packed.is_packed and packed.shape == Checkpoint(folder).shape
    assert (tmp_path / "packed" / "tokenizer.json").is_file()


def test_a_repository_that_is_not_there_is_one_line(tmp_path):
    with serving("someone/else", write_checkpoint(tmp_path / "model")) as hub:
        result = convert(tmp_path, hub.url)
    check_line(tmp_path, result, NAME)


def test_no_network_is_one_line(tmp_path):
    check_line(tmp_path, convert(tmp_path, "http://127.0.0.1:9"), NAME)


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", "-x/y", "../no/where"])
def test_what_is_neither_folder_nor_id_is_one_line(tmp_path, source):
    with pytest.raises(CheckpointError, match="there is no such folder; expected one, or the id"):
        locate(source)


def check_line(tmp_path, result, name):
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {name}: there is no such folder, and Hugging Face")
    assert len(result.stderr.splitlines()) == 1 and not result.stdout
    assert not (tmp_path / "packed").exists()
