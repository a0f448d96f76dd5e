"""What the integers cost: golden model and float reference side by side over a text."""

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tokenizers import Tokenizer

from ..common.errors import TritoneError
from ..common.formats import DEFAULT, FORMATS
from .agreement import agrees, divergence, log_softmax
from .checkpoint import Checkpoint
from .integers import integer_model
from .reference import Reference
from .sides import GoldenSide
from .tokenizer import FILE, check_tokenizer

SEPARATOR = "<|endoftext|>"
BATCH = 256  # documents read at a time


class QualityError(TritoneError):
    """A text or a tokenizer that no bits a byte can be computed from."""


class Comparison:
    """Sums over all predicted tokens of a text, for models of which the first is the reference.

    bits : float [models, documents], -log2 of the probability that a model gave to a document
    agreed : float [models - 1], tokens where another model's likeliest is the reference's
    kl : float [models - 1], divergence of each other model from the reference in nats

    Parameters
    ----------
    models, documents : counts
    size : bytes of the documents
    """

    def __init__(self, models, documents, size):
        self.documents, self.bytes, self.tokens = documents, size, 0
        self.bits = np.zeros((models, documents))
        self.agreed, self.kl = np.zeros(models - 1), np.zeros(models - 1)

    def add(self, first, logits, targets):
        """Counts one step of the documents from number `first` on.

        logits : of each model, [B, V]; targets : the tokens that follow, [B]
        """
        logs, rows = [log_softmax(each) for each in logits], np.arange(len(targets))
        self.bits[:, first + rows] -= np.array([log[rows, targets] for log in logs]) / np.log(2)
        self.agreed += [agrees(logs[0], other).sum() for other in logs[1:]]
        self.kl += [divergence(logs[0], other).sum() for other in logs[1:]]
        self.tokens += len(targets)

    def figures(self):
        """Bits a byte of every model; loss in percent, agreement and mean KL of the others."""
        bits = self.bits.sum(axis=1)
        return {"bits_per_byte": (bits / self.bytes).tolist(),
                "loss_percent": (100 * (bits[1:] / bits[0] - 1)).tolist(),
                "argmax_agreement": (self.agreed / self.tokens).tolist(),
                "mean_kl": (self.kl / self.tokens).tolist()}


def documents(text):
    """Texts between lines that hold only `<|endoftext|>`, stripped; empty ones are left out."""
    parts = re.split(rf"^{re.escape(SEPARATOR)}$", text, flags=re.MULTILINE)
    return [part for part in (part.strip() for part in parts) if part]


def read_documents(path):
    """The documents of a UTF-8 file; QualityError when it cannot be read or holds none."""
    try:
        found = documents(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise QualityError(f"{path}: not UTF-8 at byte {error.start}; expected text") from None
    except OSError as error:
        raise QualityError(f"{path}: {error.strerror}; expected a text to score") from None
    if not found:
        raise QualityError(f"{path}: holds no document to score")
    return found


def encode(folder, vocabulary, texts, tokens=None):
    """Token lists of documents, `<|endoftext|>` before and after, and the bytes of those texts.

    folder : model folder with tokenizer.json; vocabulary : the size that it must have
    tokens : whole documents are taken until at least so many tokens are to be predicted
    """
    if not check_tokenizer(folder, vocabulary):
        raise QualityError(f"{Path(folder) / FILE}: missing; expected the model's tokenizer")
    tokenizer = Tokenizer.from_file(str(Path(folder) / FILE))
    end = tokenizer.token_to_id(SEPARATOR)
    if end is None:
        raise QualityError(f"{Path(folder) / FILE}: has no token {SEPARATOR}")
    rows, size, count = [], 0, 0
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        rows.append([end, *ids, end])
        size, count = size + len(text.encode()), count + len(ids) + 1
        if tokens is not None and count >= tokens:
            break
    return rows, size


def compare_batch(models, first, rows, comparison, advance):
    """Adds the documents from number `first` on: `rows` of tokens, the longest one first."""
    lengths = np.array([len(row) for row in rows])
    tokens = np.zeros((len(rows), lengths[0]), np.int64)
    for n, row in enumerate(rows):
        tokens[n, :len(row)] = row
    states = [model.start(len(rows)) for model in models]
    for t in range(lengths[0] - 1):
        live = int((lengths > t + 1).sum())
        states = [state[:, :live] for state in states]
        logits = [model.step(tokens[:live, t], state) for model, state in zip(models, states)]
        comparison.add(first, logits, tokens[:live, t + 1])
        advance(live)


def compare(models, rows, size, advance=lambda tokens: None):
    """The Comparison of models over token lists, each read from a zero state.

    models : the reference first; each has start(batch) and step(tokens, state) -> logits
    rows : documents that begin with the separator and are predicted after it; size : their bytes
    advance : called with the tokens of each step
    """
    comparison = Comparison(len(models), len(rows), size)
    rows = sorted(rows, key=len, reverse=True)
    for first in range(0, len(rows), BATCH):
        compare_batch(models, first, rows[first:first + BATCH], comparison, advance)
    return comparison


def progress_bar():
    """A bar of tokens on stderr, with the time that is left; nothing when that is no terminal."""
    console = Console(stderr=True)
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                    TimeRemainingColumn(), console=console, transient=True,
                    disable=not console.is_terminal)


def quality(folder, path, limit=None, tokens=None, formats=DEFAULT):
    """Every figure of `tritone quality`, as a dict; `limit`: the first documents only."""
    checkpoint, texts = Checkpoint(folder), read_documents(path)
    rows, size = encode(folder, checkpoint.shape.vocabulary, texts[:limit], tokens)
    models = [Reference(checkpoint), GoldenSide(integer_model(checkpoint, formats), checkpoint)]
    with progress_bar() as bar:
        task = bar.add_task("tokens scored", total=sum(len(row) - 1 for row in rows))
        total = compare(models, rows, size, lambda count: bar.advance(task, count))
    figures = total.figures()
    reference, golden = figures.pop("bits_per_byte")
    return {"model": str(folder), "text": Path(path).name, "documents": total.documents,
            "tokens": total.tokens, "bytes": total.bytes, "reference_bits_per_byte": reference,
            "golden_bits_per_byte": golden, **{k: v[0] for k, v in figures.items()}}


DESCRIPTION = "Bits a byte of a text by float reference and golden model, side by side."
EXPLANATION = """\
figures:
  reference_bits_per_byte, golden_bits_per_byte
      -log2 of the probability of the text's tokens, divided by its bytes; each document is read
      from a zero state, after <|endoftext|>, which also counts as its last token
  loss_percent          by how much the golden model's is higher
  argmax_agreement      share of tokens at which both hold the same token for the likeliest
  mean_kl               Kullback-Leibler divergence of golden from reference, nats a token

example: tritone quality models/stories-1m5 tinystories_val.txt --documents 20
"""


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is out of range: at least 1")
    return value


def main(arguments=None):
    """`tritone quality MODEL TEXT [--json] [--documents N] [--tokens N] [--formats F]`"""
    parser = argparse.ArgumentParser(prog="tritone quality", description=DESCRIPTION,
                                     epilog=EXPLANATION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint folder with a tokenizer.json")
    parser.add_argument("text", type=Path, help="UTF-8 text; lines of <|endoftext|> part documents")
    parser.add_argument("--documents", type=positive, metavar="N", help="the first N of the text")
    parser.add_argument("--tokens", type=positive, metavar="N",
                        help="whole documents from the first on, until N tokens are scored")
    parser.add_argument("--formats", choices=sorted(FORMATS), default=DEFAULT.name,
                        help="widths of the golden model's numbers")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        figures = quality(options.model, options.text, options.documents, options.tokens,
                          FORMATS[options.formats])
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures) if options.json else
          "{text}: {documents:,} documents, {tokens:,} tokens, {bytes:,} bytes\n"
          "bits a byte       reference {reference_bits_per_byte:.4f}, golden "
          "{golden_bits_per_byte:.4f} ({loss_percent:+.3f} %)\n"
          "likeliest token   the same at {argmax_agreement:.2%} of tokens\n"
          "mean divergence   {mean_kl:.2e} nats a token".format(**figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
