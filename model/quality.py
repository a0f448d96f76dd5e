"""Bits a byte of a text, by the golden model and by the float reference."""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from tokenizers import Tokenizer

from ..common.errors import TritoneError
from .golden import Golden
from .integers import integer_model
from .reference import Reference

SEPARATOR = "<|endoftext|>"
BATCH = 256


@dataclass
class Score:
    """Sum of -log2 p over all predicted tokens of a text, and the counts it is divided by."""

    bits: float = 0.0
    tokens: int = 0
    bytes: int = 0

    @property
    def bits_per_byte(self):
        return self.bits / self.bytes


def documents(text):
    """Texts between lines that hold only `<|endoftext|>`, stripped; empty ones are left out."""
    parts = re.split(rf"^{re.escape(SEPARATOR)}$", text, flags=re.MULTILINE)
    return [part for part in (part.strip() for part in parts) if part]


def log2_softmax(logits):
    """float [..., V] -> log2 of softmax"""
    shifted = (logits - logits.max(axis=-1, keepdims=True)) / np.log(2)
    return shifted - np.log2(np.exp2(shifted).sum(axis=-1, keepdims=True))


class GoldenScorer:
    """The golden model's logits, as floats, a step of many streams at a time."""

    def __init__(self, model):
        self.golden = Golden(model)
        self.unit = 2.0 ** -model.formats.logit_frac

    def start(self, *batch):
        return self.golden.start(*batch)

    def step(self, tokens, state):
        return self.golden.head(self.golden.body(tokens, state)) * self.unit


def scorer(model_dir, kind):
    """A model with start() and step(); kind: "golden" or "reference"."""
    return Reference(model_dir) if kind == "reference" else GoldenScorer(integer_model(model_dir))


def score_batch(model, rows):
    """Bits of `rows`, token lists that begin with the separator and are scored after it."""
    rows = sorted(rows, key=len, reverse=True)
    lengths = np.array([len(row) for row in rows])
    tokens = np.zeros((len(rows), lengths[0]), np.int64)
    for n, row in enumerate(rows):
        tokens[n, :len(row)] = row
    state, bits = model.start(len(rows)), 0.0
    for t in range(lengths[0] - 1):
        live = int((lengths > t + 1).sum())
        state = state[:, :live]
        logits = model.step(tokens[:live, t], state)
        bits -= log2_softmax(logits)[np.arange(live), tokens[:live, t + 1]].sum()
    return bits


def score(model, model_dir, text, progress=None):
    """Score of a text: each document from a zero state, `<|endoftext|>` before and after it.

    progress : called with (tokens scored, tokens)
    """
    tokenizer = Tokenizer.from_file(str(Path(model_dir) / "tokenizer.json"))
    end = tokenizer.token_to_id(SEPARATOR)
    if end is None:
        raise TritoneError(f"{model_dir}/tokenizer.json: has no token {SEPARATOR}")
    texts = documents(text)
    if not texts:
        raise TritoneError("the text holds no document to score")
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    rows = sorted(([end, *e.ids, end] for e in encoded), key=len)
    total = Score(bytes=sum(len(t.encode()) for t in texts))
    count = sum(len(row) - 1 for row in rows)
    for first in range(0, len(rows), BATCH):
        batch = rows[first:first + BATCH]
        total.bits += score_batch(model, batch)
        total.tokens += sum(len(row) - 1 for row in batch)
        if progress:
            progress(total.tokens, count)
    return total


def main(arguments=None):
    """`python -m tritone.model.quality MODEL TEXT`: bits a byte of the integers and of floats."""
    parser = argparse.ArgumentParser(
        prog="quality", description="Bits a byte of a text, by golden model and float reference.")
    parser.add_argument("model", type=Path, help="checkpoint folder with a tokenizer.json")
    parser.add_argument("text", type=Path, help="UTF-8 text, documents separated by <|endoftext|>")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        text = options.text.read_text()
        figures = {"model": str(options.model), "text": options.text.name}
        for kind in ("reference", "golden"):
            with Progress(console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(f"{kind}: tokens scored", total=None)
                total = score(scorer(options.model, kind), options.model, text,
                              lambda done, of: bar.update(task, completed=done, total=of))  # noqa: B023
            figures[f"{kind}_bits_per_byte"] = total.bits_per_byte
    except (TritoneError, OSError, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    figures["loss_percent"] = 100 * (figures["golden_bits_per_byte"]
                                     / figures["reference_bits_per_byte"] - 1)
    figures.update(tokens=total.tokens, bytes=total.bytes)
    if options.json:
        print(json.dumps(figures))
    else:
        print("{text}, {tokens:,} tokens: reference {reference_bits_per_byte:.4f}, golden "
              "{golden_bits_per_byte:.4f} bits a byte ({loss_percent:+.3f} %)".format(**figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
