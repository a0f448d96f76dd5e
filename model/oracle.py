"""Holds float reference and golden model to what the authors' code computed with a checkpoint.

Integers: each BitLinear is fed the recorded input, so that a flipped code spoils no other figure.
Logits: the recorded tokens are read one by one from a zero state. The float reference is also
held to every block alone, as blocks.py says.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from ..common.errors import TritoneError
from .agreement import agrees, divergence, log_softmax
from .blocks import LOGIT_NOISE, blocks_alone, tokens_apart
from .checkpoint import Checkpoint
from .integers import integer_model
from .recording import Recording
from .reference import Reference
from .sides import FloatSide, GoldenSide

FAILED, BAD_INPUT = 1, 2
# quantity -> limit; those in MOST are upper limits, all others lower ones
MOST = ("max_code_difference", "mean_kl", "max_logit_error_without_flip", "block_error")
EXACT = {"trits_equal": 1.0, "codes_equal": 1.0, "acc_equal": 1.0}
FLOAT = {**EXACT, "blocks_equal": 0.5, "argmax_without_flip": 1.0,
         "max_logit_error_without_flip": LOGIT_NOISE, "argmax_agreement": 0.95}
GOLDEN = {**EXACT, "codes_equal": 0.998, "max_code_difference": 1, "argmax_agreement": 0.95,
          "mean_kl": 2e-3}
# A record in half precision: rounding mean|W| moves the edges of the trits, and rounding all else
# moves what a block adds by up to 10 %; most wrong gates and norms move it by 20 % or more.
HALF_TRITS = {"trits_equal": 0.995}
HALF_FLOAT = {**EXACT, **HALF_TRITS, "block_error": 0.15}


def integers(side, recording, advance):
    """Fractions of trits, codes and accumulators that equal the recorded ones.

    `acc_equal`: of accumulators given the recorded codes; `acc_equal_own_codes`: given the side's
    own, of which one that differs spoils all accumulators that add it. Both leave out the rows
    of a matrix in which a trit differs.
    """
    same, counts, difference = np.zeros(4), np.zeros(4), 0
    for key, linear in recording.linears():
        codes, trits_equal = side.codes(key, linear.x), side.trits(key) == linear.trits
        rows = trits_equal.all(axis=1)
        results = [trits_equal, codes == linear.codes] + [
            (side.accumulate(key, c) == linear.accumulators)[rows] for c in (linear.codes, codes)]
        same += [np.count_nonzero(result) for result in results]
        counts += [result.size for result in results]
        difference = max(difference, int(np.abs(codes - linear.codes).max()))
        advance()
    names = ("trits_equal", "codes_equal", "acc_equal", "acc_equal_own_codes")
    return {**dict(zip(names, (same / np.maximum(counts, 1)).tolist())),
            "max_code_difference": difference}


def read(side, tokens, advance):
    """Logits [B, T, V] of recorded tokens [B, T], read one by one from a zero state."""
    state, logits = side.start(len(tokens)), []
    for column in tokens.T:
        logits.append(side.step(column, state))
        advance()
    return np.stack(logits, axis=1)


def continuation(side, prompt, count):
    """The `count` likeliest tokens, one after the other, after the tokens [T] of a prompt."""
    state, drawn = side.start(), []
    for token in prompt:
        logits = side.step(token, state)
    while len(drawn) < count:
        drawn.append(int(logits.argmax()))
        logits = side.step(drawn[-1], state)
    return drawn


def likeness(ours, theirs):
    """Agreement, divergence (nats) and error of logits [B, T, V] against others."""
    kl = divergence(log_softmax(theirs), log_softmax(ours))
    return {"argmax_agreement": float(agrees(ours, theirs).mean()), "mean_kl": float(kl.mean()),
            "max_logit_error": float(np.abs(ours - theirs).max())}


def failures(name, figures, limits):
    """A line for each limit that is missed."""
    missed = []
    for quantity, limit in limits.items():
        most = quantity in MOST
        if figures[quantity] > limit if most else figures[quantity] < limit:
            missed.append(f"{name}: {quantity} is {figures[quantity]:.6g}; expected at "
                          f"{'most' if most else 'least'} {limit:g}")
    return missed


def examine(folder, reference=Reference, advance=lambda: None):
    """Every figure of `tritone oracle`, as a dict.

    reference : Reference or what computes something else in its place
    advance : called after every BitLinear and every step, 2 (BitLinears + T) times
    """
    checkpoint = Checkpoint(folder)
    recording, model = Recording(folder, checkpoint.shape), reference(checkpoint)
    exact = checkpoint.dtype("lm_head.weight") == "F32"
    sides = {"float_reference": FloatSide(model),
             "golden": GoldenSide(integer_model(checkpoint), checkpoint)}
    logits = {name: read(side, recording.tokens, advance) for name, side in sides.items()}
    ours, prompt, count = logits["float_reference"], recording.tokens[0], len(recording.greedy)
    greedy = recording.greedy.tolist() if exact else continuation(
        sides["float_reference"], prompt, count)
    figures = {"model": str(folder), "weights": checkpoint.dtype("lm_head.weight"),
               "tokens": recording.tokens.size,
               "logits_compared_with": "logits_step" if exact else "float_reference"}
    for name, side in sides.items():
        figures[name] = {**integers(side, recording, advance),
                         **likeness(logits[name], recording.logits if exact else ours),
                         "greedy_equal": continuation(side, prompt, count) == greedy}
    figures["float_reference"] |= blocks_alone(model, recording)
    if exact:
        figures["float_reference"] |= tokens_apart(model, ours, recording)
    else:
        figures["float_reference_against_logits_step"] = likeness(ours, recording.logits)
    return figures | verdict(figures, exact)


def verdict(figures, exact):
    """Whether all limits hold, and a line for each that does not."""
    floats, golden = (FLOAT, GOLDEN) if exact else (HALF_FLOAT, GOLDEN | HALF_TRITS)
    failed = [*failures("float_reference", figures["float_reference"], floats),
              *failures("golden", figures["golden"], golden)]
    return {"passed": not failed, "failed": failed}


def table(figures):
    """The figures for a person, a row a quantity, and the verdict."""
    names = ("float_reference", "golden")
    quantities = list(dict.fromkeys([*figures[names[0]], *figures[names[1]]]))
    lines = ["{model}: {tokens} tokens, {weights} weights; logits against "
             "{logits_compared_with}".format(**figures)]
    if figures["weights"] != "F32":
        lines.append("The record was computed in half precision, so logits are held to float32 "
                     "arithmetic\non the same weights: the float reference's, whose own agreement "
                     "therefore says nothing.")
    lines.append(f"{'':<30}{names[0]:>16}{names[1]:>12}")
    for quantity in quantities:
        cells = [figures[name].get(quantity, "") for name in names]
        shown = [f"{c:.6g}" if isinstance(c, float) else str(c) for c in cells]
        lines.append(f"{quantity:<30}{shown[0]:>16}{shown[1]:>12}")
    if rounded := figures.get("float_reference_against_logits_step"):
        lines += [f"logits_step, rounded {k:<16}{v:>9.6g}" for k, v in rounded.items()]
    return "\n".join([*lines, *(f"FAILED  {line}" for line in figures["failed"]),
                      *(["passed"] if figures["passed"] else [])])


DESCRIPTION = "Holds the models to what the paper's authors' code computed."
EXPLANATION = """\
DIR has a released checkpoint and, beside it, ref.npz and ints.npz, the record of a run of the
authors' code (docs/quality.md lists their arrays).

figures, for the float reference and the golden model each:
  trits_equal, codes_equal, acc_equal   shares over all BitLinears, each fed the recorded input;
      accumulators given the recorded codes (acc_equal_own_codes: given its own), of rows whose
      trits all are the recorded ones: bf16 arithmetic rounds mean|W|, so a few trits differ there
  max_code_difference                   in steps of the int8 codes
  argmax_agreement, mean_kl (nats), max_logit_error
      over the recorded tokens, against logits_step; of a bf16 or fp16 checkpoint against float32
      arithmetic on its weights, that is the float reference
  greedy_equal                          the greedy continuation of the first row of tokens
and for the float reference alone:
  blocks_equal, block_error             the worst block or head, fed the recorded residual: share
      of tokens equal up to float32 noise; error of what it adds, relative, root mean square
  tokens_without_flip                   (float32 checkpoints) share of tokens before the first code
      of their stream that noise flipped; argmax_without_flip and max_logit_error_without_flip are
      over these

exit codes: 0 all limits hold, 1 one is missed (and printed), 2 bad input

example: tritone oracle tests/data/oracle_h64 --json
"""


def main(arguments=None):
    """`tritone oracle DIR [--json]`; the exit code says whether all limits hold."""
    parser = argparse.ArgumentParser(prog="tritone oracle", description=DESCRIPTION,
                                     epilog=EXPLANATION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="checkpoint and record")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("BitLinears and tokens", total=None)
            figures = examine(options.folder, advance=lambda: bar.advance(task))
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    print(json.dumps(figures) if options.json else table(figures))
    return 0 if figures["passed"] else FAILED


if __name__ == "__main__":
    sys.exit(main())
