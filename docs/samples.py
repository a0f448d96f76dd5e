"""Twenty prompts continued by the golden model, and by the float reference: docs/samples.md.

    python docs/samples.py [--model models/stories-10m] [--tokens 80]

Greedy, and sampled at temperature 0.8 with the same random numbers for both, so that a difference
in the text is one of the arithmetic. Simulated; a few minutes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from tritone.common.errors import TritoneError
from tritone.common.page import marks, write_between
from tritone.host.text import encode_prompt, end_of_text, load_tokenizer
from tritone.model.checkpoint import Checkpoint
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.model.reference import Reference
from tritone.model.sampler import Sampler

PAGE, MARKS = Path(__file__).resolve().parent / "samples.md", marks("samples", "docs/samples.py")
TEMPERATURE, SEED = 3277, 1  # 0.8 with 12 fraction bits
LOGIT_UNIT = 1 << 16
PROMPTS = (
    "Once upon a time", "One day, a little girl named Mia", "Tom had a red ball.",
    "The dog ran into the forest and", "\"I am so hungry,\" said the bear.",
    "It was a cold and dark night.", "Lily and Ben went to the park.",
    "There was an old man who lived in a small house near the sea.",
    "The cat was sad because", "Mom gave Sam a big cake.", "A bird sat on the window and",
    "The little boat wanted to see the world.", "Anna was afraid of the dark.",
    "In the garden there was a magic tree.", "The king had three sons.",
    "Max found a strange key under his bed.", "\"Can we be friends?\" asked the frog.",
    "The sun was shining and the children", "Grandma told them a story about a dragon.",
    "The robot did not know how to play.")


class FloatGenerator:
    """Golden.generate with the logits of the float reference."""

    def __init__(self, checkpoint):
        self.reference = Reference(checkpoint)

    def generate(self, prompt, count, temperature, seed):
        state, sampler = self.reference.start(), Sampler(seed)
        for token in prompt[:-1]:
            self.reference.step(np.array(token), state)
        token = prompt[-1]
        for _ in range(count):
            logits = self.reference.step(np.array(token), state)
            token = sampler.sample(np.rint(logits * LOGIT_UNIT).astype(np.int64), temperature)
            yield token


def story(model, tokenizer, prompt, ends, count, temperature):
    """(text, tokens) that a model writes, up to the end of the story."""
    tokens = []
    for token in model.generate(prompt, count, temperature=temperature, seed=SEED):
        if token in ends:
            break
        tokens.append(token)
    return " ".join(tokenizer.decode(tokens).split()), tokens


def quote(text):
    return f"> {text}".replace("|", "\\|") if text else "> (the story ends here)"


def both(models, tokenizer, prompt, ends, count, temperature, name):
    """Markdown of one continuation, and whether the two models wrote the same."""
    (text, tokens), (other, reference) = (
        story(model, tokenizer, prompt, ends, count, temperature) for model in models)
    if tokens == reference:
        return [f"{name}, both:", "", quote(text), ""], True
    same = next((n for n, (a, b) in enumerate(zip(tokens, reference)) if a != b),
                min(len(tokens), len(reference)))
    return [f"{name}, golden (the first {same} tokens are the reference's):", "", quote(text), "",
            f"{name}, float reference:", "", quote(other), ""], False


def page(folder, count, advance):
    """Markdown of all prompts."""
    tokenizer, checkpoint = load_tokenizer(folder), Checkpoint(folder)
    models = Golden(integer_model(checkpoint)), FloatGenerator(checkpoint)
    ends, lines, equal = end_of_text(tokenizer, folder), [], 0
    for prompt in PROMPTS:
        ids = encode_prompt(tokenizer, prompt)
        lines += [f"## {prompt}", ""]
        for name, temperature in (("Greedy", 0), ("Sampled", TEMPERATURE)):
            part, same = both(models, tokenizer, ids, ends, count, temperature, name)
            lines, equal = lines + part, equal + same
            advance()
    return "\n".join([
        f"Golden model of {Path(folder).name}, {count} tokens at most; greedy, and sampled at "
        f"temperature {TEMPERATURE / 4096:.1f} with seed {SEED}. In {equal} of "
        f"{2 * len(PROMPTS)} continuations the float reference writes the same to the last token. "
        "Written by", "", f"    python docs/samples.py --tokens {count}", "", *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=PAGE.parents[1] / "models" / "stories-10m", type=Path)
    parser.add_argument("--tokens", type=int, default=80)
    options = parser.parse_args()
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("continuations", total=2 * len(PROMPTS))
            text = page(options.model, options.tokens, lambda: bar.advance(task))
        write_between(PAGE, *MARKS, text)
    except TritoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
