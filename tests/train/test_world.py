"""Several processes through torchrun: the same training as one process alone."""

import json
import os
import subprocess
import sys

import torch

SHAPE = ["--preset", "smoke", "--steps", "6", "--rows", "4", "--context", "32", "--hidden", "16",
         "--layers", "1", "--intermediate", "24", "--evaluate-every", "3", "--device", "cpu"]


def train(text, out, processes):
    """Masters of a run of `processes` processes on the CPU, and its log."""
    run = [] if processes == 1 else [
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *run, "-m", "tritone.train.train", *SHAPE, "--text", str(text),
               "--validation", str(text), "--out", str(out)]
    subprocess.run(command, check=True, timeout=120, capture_output=True,
                   env=os.environ | {"OMP_NUM_THREADS": "1"})
    saved = torch.load(out / "work" / "checkpoint.pt", weights_only=True)
    return saved["trainer"]["masters"], json.loads((out / "training.json").read_text())


def test_two_processes_train_as_one(text, tmp_path):
    alone, log = train(text, tmp_path / "one", 1)
    shared, shared_log = train(text, tmp_path / "two", 2)
    assert (log["processes"], shared_log["processes"]) == (1, 2)
    for a, b in zip(alone, shared, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert abs(log["final"]["bits_a_byte"] - shared_log["final"]["bits_a_byte"]) < 1e-3
    for a, b in zip(log["curve"], shared_log["curve"], strict=True):
        assert abs(a["train_nats_a_token"] - b["train_nats_a_token"]) < 1e-4
