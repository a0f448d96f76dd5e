"""A small text, and a run on it short enough for any processor."""

import dataclasses
import os
import random

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before the kernels are imported

from tritone.train.data import END
from tritone.train.presets import PRESETS
from tritone.train.train import Run

WORDS = "the cat dog saw a big red ball and ran home to play with its happy friend".split()
SEED = 5
STEPS = 6


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """A text file of 40 documents of nonsense; its lines and blanks vary."""
    rng = random.Random(SEED)
    stories = (
        "\n".join(" ".join(rng.choices(WORDS, k=12)).capitalize() + "." for _ in range(3))
        for _ in range(40)
    )
    path = tmp_path_factory.mktemp("text") / "stories.txt"
    path.write_text(f"\n{END}\n".join(stories) + f"\n{END}\n")
    return path


@pytest.fixture(scope="session")
def recipe():
    return dataclasses.replace(
        PRESETS["smoke"], steps=STEPS, rows=2, context=24, evaluate_every=4, dropout=0.1
    )


@pytest.fixture(scope="session")
def finished(recipe, text, tmp_path_factory):
    """An uninterrupted run, exported."""
    run = Run(recipe, [text], text, tmp_path_factory.mktemp("run"), device="cpu")
    run.train()
    return run
