"""Scores a text with one bit less in each width and writes the table of docs/quality.md.

    python docs/widths.py MODEL TEXT [--documents 128]

All variants read the documents side by side; those of more than 900 characters are left out, so
that none reads on alone. Ten minutes on one core. Writes the table between the marks in
docs/quality.md.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path

import numpy as np
from tritone.common.errors import TritoneError
from tritone.common.formats import DEFAULT
from tritone.common.page import marks, write_between
from tritone.model.checkpoint import Checkpoint
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.model.quality import compare, encode, positive, progress_bar, read_documents
from tritone.model.reference import Reference
from tritone.model.sides import GoldenSide

PAGE = Path(__file__).resolve().parent / "quality.md"
MARKS = marks("widths", "docs/widths.py")
FEWER = (1, 3)  # bits taken from each width in turn
LONGEST = 900  # characters of a document


@dataclass(frozen=True)
class Width:
    """A width that bits are taken from.

    name : of the number, and for its range what Seen calls it
    fields : of Formats, each of which loses the bits: a fraction bit is also one of the whole
    held : what else asks for it
    """

    name: str
    fields: tuple
    held: str = ""

    @property
    def frac(self):
        """Fraction bits of a number in fixed point, else None."""
        stem, _, kind = self.fields[0].rpartition("_")
        return getattr(DEFAULT, f"{stem}_frac", None) if kind == "bits" else None

    @property
    def is_range(self):
        return len(self.fields) == 1 and self.frac is not None

    def formats(self, fewer):
        return replace(DEFAULT, **{name: getattr(DEFAULT, name) - fewer for name in self.fields})

    def chosen(self):
        bits = getattr(DEFAULT, self.fields[0])
        return str(bits) if self.frac is None else f"s{bits - 1 - self.frac}.{self.frac}"


def fixed(stem):
    """Fields of a fixed-point number that a bit of precision is taken from."""
    return f"{stem}_bits", f"{stem}_frac"


WIDTHS = (
    Width("residual, least bit", fixed("residual"),
          "sums of all blocks: deeper models add more and smaller terms"),
    Width("residual", ("residual_bits",), "outlier channels of large models"),
    Width("state, least bit", fixed("state"),
          "a gate of 0.999 moves it by a thousandth of what is missing; "
          "fewer bits than a value has are not allowed for"),
    Width("state", ("state_bits",), "as wide as the silu that it averages"),
    Width("product, least bit", fixed("product"),
          "two small factors: its block exponent can only use bits that are there"),
    Width("product", ("product_bits",), "the least to spare here; larger models may need more"),
    Width("value, least bit", fixed("value"), "gates, candidates and GLU halves near zero"),
    Width("value", ("value_bits",), "what a matrix gives before a gate: outliers of large models"),
    Width("energy, least bit", fixed("energy"), "acts through eps alone, where a swish is small"),
    Width("energy", ("energy_bits",), "as above; saturation makes eps smaller"),
    Width("mantissa", ("mantissa_bits",), "int8 codes: a flip moves 1/127 of the largest input"),
    Width("code gain", ("code_gain_bits",), "int8 codes, as above"),
    Width("code input", ("code_input_bits",), "int8 codes, where a few inputs are large"),
    Width("sum mantissa", ("sum_mantissa_bits",), "the scale of all outputs of a matrix"),
    Width("sum gain", ("sum_gain_bits",), "as above"),
    Width("1 - floor", ("floor_bits",), "floors near one: a memory of thousands of tokens"),
    Width("sigmoid", ("sigmoid_frac",), "a gate that is nearly shut"),
    Width("sigmoid, pieces (log2)", ("sigmoid_index_bits",),
          "the error of a piece goes with its square"),
    Width("sigmoid, range (log2)", ("sigmoid_range_bits",), "a gate that is nearly shut"),
    Width("scale mantissa", ("scale_bits",), "relative error of all outputs of a matrix"),
    Width("embedding", ("embedding_bits",), "small rows of a table with large ones; int8 codes"),
    Width("logit, least bit", fixed("logit"), "nothing known: sums with Gumbel noise in s5.12"),
    Width("logit", ("logit_bits",), "nothing known: 32 bits cross the link"),
)


class Seen(Golden):
    """The golden model, which notes the largest magnitude of each number in real units."""

    def __init__(self, model):
        super().__init__(model)
        self.largest = {}

    def note(self, name, integers):
        real = float(np.abs(integers).max()) * 2.0 ** -getattr(self.f, f"{name}_frac")
        self.largest[name] = max(real, self.largest.get(name, 0.0))
        return integers

    def values(self, *arguments):
        return self.note("value", super().values(*arguments))

    def mlgru(self, *arguments):
        return self.note("state", super().mlgru(*arguments))

    def gate(self, *arguments):
        return self.note("product", super().gate(*arguments))

    def energy(self, a):
        self.largest["energy"] = max(float(np.abs(a).max()) * 2.0**-self.f.value_frac,
                                     self.largest.get("energy", 0.0))
        return super().energy(a)

    def add(self, *arguments):
        return self.note("residual", super().add(*arguments))

    def head(self, r):
        return self.note("logit", super().head(r))


def variants(checkpoint):
    """The model as chosen, then each width with fewer bits, all ready to score."""
    chosen = GoldenSide(integer_model(checkpoint), checkpoint)
    chosen.golden = Seen(chosen.golden.model)
    fewer = [GoldenSide(integer_model(checkpoint, width.formats(bits)), checkpoint)
             for width in WIDTHS for bits in FEWER]
    return chosen, fewer


def uncertainty(comparison):
    """Standard error in percent of a loss that two variants differ by, from their documents.

    The median over all variants of one bit less: most differ by noise alone.
    """
    difference = comparison.bits[2::len(FEWER)] - comparison.bits[1]
    error = difference.std(axis=1, ddof=1) * np.sqrt(comparison.documents)
    return float(np.median(100 * error / comparison.bits[0].sum()))


def agreement_error(comparison):
    """Standard error of the chosen widths' argmax agreement, its tokens taken as independent."""
    share = comparison.agreed[0] / comparison.tokens
    return float(np.sqrt(share * (1 - share) / comparison.tokens))


def rows(figures, largest):
    """Markdown rows: a width, and what fewer bits of it give."""
    quantities = list(zip(figures["loss_percent"], figures["argmax_agreement"],
                          figures["mean_kl"]))
    yield ("| all as chosen | | {:+.3f} % | {:.2%} | {:.2e} | | | |".format(*quantities[0]))
    for n, width in enumerate(WIDTHS):
        one, more = quantities[1 + len(FEWER) * n:][:len(FEWER)]
        held = width.held
        if width.is_range:
            limit = 2.0 ** (getattr(DEFAULT, width.fields[0]) - 1 - width.frac)
            spare = int(log2(limit / largest[width.name]))
            held = f"{largest[width.name]:.3g} of {limit:.0f} seen, bits to spare: {spare}; {held}"
        name = f"{width.name}, range" if width.is_range else width.name
        yield (f"| {name} | {width.chosen()} | {one[0]:+.3f} % | {one[1]:.2%} | {one[2]:.2e} "
               f"| {more[0]:+.3f} % | {more[1]:.2%} | {held} |")


def page(model, path, comparison, largest):
    """What stands between the marks."""
    name, text = Path(model).name, Path(path).name
    return "\n".join([
        f"Simulated with the golden model: {name} on the first {comparison.documents} documents of "
        f"at most {LONGEST} characters",
        f"({comparison.tokens:,} tokens, {comparison.bytes:,} bytes) of {text}; loss, agreement "
        "and divergence (nats a token)",
        "against the float reference. Standard error of the difference between two losses: "
        f"{uncertainty(comparison):.3f} %,",
        f"of an agreement: {agreement_error(comparison):.2%}. Written by", "",
        f"    python docs/widths.py models/{name} {text} --documents {comparison.documents}", "",
        "| width | chosen | 1 bit less: loss | argmax | KL | 3 bits less: loss | argmax "
        "| what else holds it |",
        "|---|---|---|---|---|---|---|---|", *rows(comparison.figures(), largest)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder")
    parser.add_argument("text", help="UTF-8 text, documents parted by lines of <|endoftext|>")
    parser.add_argument("--documents", type=positive, default=128, metavar="N",
                        help="how many to read, from the first on")
    options = parser.parse_args()
    try:
        checkpoint = Checkpoint(options.model)
        short = [text for text in read_documents(options.text) if len(text) <= LONGEST]
        texts, size = encode(options.model, checkpoint.shape.vocabulary, short[:options.documents])
        chosen, fewer = variants(checkpoint)
        with progress_bar() as bar:
            task = bar.add_task("tokens scored", total=sum(len(row) - 1 for row in texts))
            comparison = compare([Reference(checkpoint), chosen, *fewer], texts, size,
                                 lambda count: bar.advance(task, count))
        write_between(PAGE, *MARKS,
                      page(options.model, options.text, comparison, chosen.golden.largest))
    except TritoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
