"""What is measured: a shipped model with its prompts, or a random one."""

from dataclasses import dataclass

import numpy as np

from ..common.formats import DEFAULT
from ..host.text import encode_prompt, load_tokenizer
from ..model.integers import integer_model
from .check import PROMPTS
from .random_model import check_memory, random_model

TEXT_TOKENS, RANDOM_TOKENS = 48, 6  # of each text that is compared; golden takes its time


@dataclass(frozen=True)
class Subject:
    """A model as it is measured: `prompts` are lists of token ids, `tokens` those compared;
    `folder` is None of a random one."""

    name: str
    model: object
    prompts: list
    tokens: int
    folder: object = None


def shipped(folder):
    """The Subject of a model folder."""
    tokenizer = load_tokenizer(folder)
    model = integer_model(folder, DEFAULT)
    check_memory(model.shape)
    prompts = [encode_prompt(tokenizer, text, model.shape.vocabulary) for text in PROMPTS]
    return Subject(folder.resolve().name, model, prompts, TEXT_TOKENS, folder)


def random_subject(size, progress=None):
    """The Subject of a random model of a released shape."""
    model = random_model(size, progress)
    prompt = np.random.default_rng(2).integers(0, model.shape.vocabulary, 4).tolist()
    return Subject(f"random-{size}", model, [prompt], RANDOM_TOKENS)
