"""The loop: learning, resuming, stopping."""

import dataclasses
import json

import pytest
import torch

from tritone.train.train import Run, main
from tritone.train.trainer import Trainer, learning_rate

CPU = torch.device("cpu")


def test_resumed_run_equals_an_uninterrupted_one(finished, recipe, text, tmp_path):
    halted = Run(recipe, [text], text, tmp_path, device="cpu")
    for _ in range(3):
        halted.trainer.step()
    halted.save()
    resumed = Run(recipe, [text], text, tmp_path, device="cpu")
    resumed.resume()
    assert resumed.trainer.step_count == 3
    resumed.train()
    for a, b in zip(finished.trainer.masters, resumed.trainer.masters, strict=True):
        assert torch.equal(a, b)
    stored = (folder / "model.safetensors" for folder in (finished.out, tmp_path))
    assert len({path.read_bytes() for path in stored}) == 1


def test_another_runs_checkpoint_is_refused(finished, recipe, text):
    other = Run(dataclasses.replace(recipe, steps=99), [text], text, finished.out, device="cpu")
    with pytest.raises(ValueError, match="another run: recipe"):
        other.resume()


def test_model_computes_with_the_weights_as_stored(finished):
    for p in finished.trainer.params:
        assert torch.equal(p, p.bfloat16().float())


def test_loss_falls(recipe, finished):
    longer = dataclasses.replace(recipe, steps=40, dropout=0.0)
    trainer = Trainer(longer, finished.stream, CPU)
    losses = []
    for _ in range(40):
        trainer.step()
        losses.append(trainer.take_loss())
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])


def test_learning_rate_rises_then_falls_to_zero(recipe):
    recipe = dataclasses.replace(recipe, steps=100, warmup=10)
    rates = [learning_rate(recipe, n) for n in range(100)]
    assert rates[0] < rates[5] < rates[9]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-3 * recipe.learning_rate


def test_command_line_overrides_the_preset(text, tmp_path):
    main(["--preset", "smoke", "--text", str(text), "--validation", str(text), "--out",
          str(tmp_path), "--steps", "2", "--rows", "2", "--context", "16", "--seed", "9",
          "--device", "cpu"])  # fmt: skip
    log = json.loads((tmp_path / "training.json").read_text())
    assert (log["recipe"]["steps"], log["recipe"]["seed"]) == (2, 9)
    assert log["training"]["tokens_seen"] == 2 * 2 * 16
