"""Bits a byte of a model on a text: whole documents, each from a state of zero.

A document's input is ``[<|endoftext|>] + pieces`` and its targets are ``pieces +
[<|endoftext|>]``. The figure is the sum of all negative log-likelihoods in bits over the UTF-8
bytes of all documents. Documents share rows of equal length to keep the machine busy; the state
is dropped where one begins, so each is scored as if alone.
"""

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from .data import END_ID, documents, encode
from .model import Maxima

ROW_TOKENS = 1536
ROWS_AT_ONCE = 16
IGNORED = -100


@dataclass(frozen=True)
class Score:
    """What an evaluation found; ``bits_a_byte`` is the figure to compare models by."""

    bits_a_byte: float
    nats_a_token: float
    tokens: int
    bytes: int
    documents: int


class Validation:
    """A text made ready for scoring: inputs and targets (R, W) on the model's device."""

    def __init__(self, text, tokenizer, device="cpu"):
        texts = documents(text)
        pieces = [piece.tolist() for piece in encode(tokenizer, texts)]
        self.bytes = sum(len(item.encode()) for item in texts)
        self.tokens = sum(len(piece) + 1 for piece in pieces)
        self.documents = len(texts)
        width = max(ROW_TOKENS, max(len(piece) + 1 for piece in pieces))
        inputs, targets = [[]], [[]]
        for piece in pieces:
            if len(inputs[-1]) + len(piece) + 1 > width:
                inputs.append([])
                targets.append([])
            inputs[-1] += [END_ID, *piece]
            targets[-1] += [*piece, END_ID]
        self.inputs = self._pad(inputs, width, END_ID).to(device)
        self.targets = self._pad(targets, width, IGNORED).to(device)

    @staticmethod
    def _pad(rows, width, filler):
        return torch.tensor([row + [filler] * (width - len(row)) for row in rows])

    @torch.no_grad()
    def glance(self, model):
        """The :class:`.model.Maxima` of the first few rows."""
        maxima, inputs = Maxima(), self.inputs[:ROWS_AT_ONCE]
        model(inputs, keep=inputs != END_ID, maxima=maxima)
        return maxima

    @torch.no_grad()
    def score(self, model, maxima=None):
        """The model's :class:`Score`; ``maxima``, if given, collects the largest activations."""
        nats = 0.0
        batches = zip(
            self.inputs.split(ROWS_AT_ONCE), self.targets.split(ROWS_AT_ONCE), strict=True
        )
        for inputs, targets in batches:
            logits, _ = model(inputs, keep=inputs != END_ID, maxima=maxima)
            loss = F.cross_entropy(
                logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
            )
            nats += loss.double().sum().item()
        return Score(
            bits_a_byte=nats / math.log(2) / self.bytes,
            nats_a_token=nats / self.tokens,
            tokens=self.tokens,
            bytes=self.bytes,
            documents=self.documents,
        )


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tritone.train.evaluate",
        description="Score a model folder (config.json, model.safetensors, tokenizer.json) on a "
        "text: bits a byte, and the largest activations that fixed-point hardware must hold.",
    )
    parser.add_argument("model", help="folder in the released checkpoint form")
    parser.add_argument(
        "text", help="UTF-8 text; lines that are exactly <|endoftext|> separate documents"
    )
    args = parser.parse_args(argv)
    from rich import print

    from .export import load

    model, tokenizer = load(args.model)
    maxima = Maxima()
    text = Path(args.text).read_text(encoding="utf-8")
    score = Validation(text, tokenizer).score(model, maxima)
    print({**asdict(score), "maxima": dict(maxima)})


if __name__ == "__main__":
    main()
