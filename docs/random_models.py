"""Golden model against float reference on models of random weights, for docs/quality.md.

    python docs/random_models.py [--models 40]

The models are in the form of tests/data/oracle_h64: gains between 0.5 and 1.5, all else normal.
The same reference in float64 shows what the noise of float32 alone does to agreement. A minute on
one core. Writes the table between the marks in docs/quality.md.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tritone.common.errors import TritoneError
from tritone.common.formats import FORMATS
from tritone.common.page import marks, write_between
from tritone.model.agreement import agrees, divergence, log_softmax
from tritone.model.checkpoint import Checkpoint, ModelShape
from tritone.model.integers import integer_model
from tritone.model.oracle import read
from tritone.model.quality import positive, progress_bar
from tritone.model.reference import Reference
from tritone.model.sides import GoldenSide

PAGE, MARKS = Path(__file__).parent / "quality.md", marks("random", "docs/random_models.py")
# hidden, layers, inner, vocabulary; streams and tokens of each
SIZES = (((64, 2, 256, 128), (1, 12)), ((96, 3, 256, 256), (2, 24)), ((128, 4, 512, 512), (2, 24)))
CLEAN = 1e-3  # logits that are nearer than this have seen no flipped code


def write_model(folder, shape, rng):
    """A checkpoint in released form with random weights."""
    tensors = {}
    for key, size in shape.tensors().items():
        if key.endswith("norm.weight"):
            tensor = rng.uniform(0.5, 1.5, size)
        else:
            dense = key in ("model.embeddings.weight", "model.lower_bounds")
            tensor = rng.normal(0, 1 if dense else 0.05, size)
        tensors[key] = tensor.astype(np.float32)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "hgrn_bit", "hidden_size": shape.hidden, "vocab_size": shape.vocabulary,
        "num_hidden_layers": shape.layers, "intermediate_size": shape.inner}))


class Reference64(Reference):
    """The float reference with every number in float64; trits and means are those of float32."""

    def __init__(self, source):
        super().__init__(source)
        self.embedding, self.final = self.embedding.astype(float), self.final.astype(float)
        self.floors = self.floors.astype(float)
        self.gains = {key: gain.astype(float) for key, gain in self.gains.items()}
        for linear in [*self.linear.values(), self.lm_head]:
            linear.trits, linear.gain = linear.trits.astype(float), linear.gain.astype(float)
            linear.mean = float(linear.mean)

    def start(self, *batch):
        return super().start(*batch).astype(float)


def compare(folder, tokens):
    """(argmax agreement, share of clean tokens, mean KL) of float64 and of the golden model in
    each of the FORMATS with float32."""
    checkpoint = Checkpoint(folder)
    theirs = read(Reference(checkpoint), tokens, lambda: None)
    sides = [Reference64(checkpoint), *(GoldenSide(integer_model(checkpoint, formats), checkpoint)
                                        for formats in FORMATS.values())]
    for side in sides:
        ours = read(side, tokens, lambda: None)
        clean = np.abs(ours - theirs).max(axis=-1) < CLEAN
        yield (agrees(ours, theirs).mean(), clean.mean(),
               divergence(log_softmax(theirs), log_softmax(ours)).mean())


def results(sizes, batch, models, advance):
    """float [models, sides, 3] of compare()."""
    figures, shape = [], ModelShape(*sizes)
    for seed in range(models):
        rng = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as folder:
            write_model(Path(folder), shape, rng)
            figures.append(list(compare(folder, rng.integers(0, shape.vocabulary, batch))))
        advance()
    return np.array(figures)


def rows(sizes, batch, figures):
    """Markdown rows of one size: float64, then the golden model."""
    name = "{} x {}, {} inside, {} tokens".format(*sizes)
    kinds = "float64", *(f"golden, {name}" for name in FORMATS)
    for kind, part in zip(kinds, figures.swapaxes(0, 1), strict=True):
        argmax, clean, kl = part.T
        yield (f"| {name} | {batch[0]} x {batch[1]} | {kind} | {argmax.mean():.1%} "
               f"| {argmax.min():.1%} | {np.mean(argmax < 0.95):.0%} | {kl.mean():.1e} "
               f"| {kl.max():.1e} | {clean.mean():.0%} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=positive, default=40, metavar="N", help="of each size")
    options = parser.parse_args()
    lines = [f"Simulated, {options.models} models of each size, seeds 0 to {options.models - 1}, "
             "by", "", f"    python docs/random_models.py --models {options.models}", "",
             "| models | tokens read | against float32 | argmax, mean | least | models below 95 % "
             "| KL, mean | largest | tokens without a flip |",
             "|---|---|---|---|---|---|---|---|---|"]
    try:
        with progress_bar() as bar:
            task = bar.add_task("models", total=options.models * len(SIZES))
            for sizes, batch in SIZES:
                lines += rows(sizes, batch, results(sizes, batch, options.models,
                                                    lambda: bar.advance(task)))
        write_between(PAGE, *MARKS, "\n".join(lines))
    except TritoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
