"""A random model of the released 370M shape through everything: `make real-size`.

    python docs/real_size.py [--tokens 8]

convert, compile, virtual board: every token has to equal the golden model's, and the clocks the
prediction. Needs 6 GB of memory, 2 GB of disk under build/ and some ten minutes. Writes
docs/real-size.md between its marks.
"""

import argparse
import resource
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from checkpoints_size import SIZES, run_json, write_model
from rich.console import Console
from tritone.common.config import preset
from tritone.common.errors import TritoneError
from tritone.common.page import marks, write_between
from tritone.compiler.clocks import predict
from tritone.compiler.tape import compile_integers
from tritone.host.driver import Board
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.sim.virtual import VirtualBoard

PAGE, MARKS = Path(__file__).resolve().parent / "real-size.md", marks("run", "docs/real_size.py")
SIZE, PRESET, PROMPT = "370M", "large", (1, 450, 3118, 29892)
TIMEOUT_S = 600.0  # a token takes half a minute

console = Console(stderr=True)


def timed(what, function, *arguments):
    """(result, seconds) of a step, which is named while it runs."""
    began = time.monotonic()
    with console.status(what):
        result = function(*arguments)
    seconds = time.monotonic() - began
    console.print(f"{what}: {seconds:.0f} s")
    return result, seconds


def packed_model(folder):
    """A packed random model; what convert reported."""
    shutil.rmtree(folder, ignore_errors=True)
    write_model(folder / "released", SIZES[SIZE])
    figures = run_json("convert", folder / "released", "-o", folder / "packed", "--json")
    shutil.rmtree(folder / "released")
    return figures


def simulate(config, tape, count):
    """(tokens, counters) of the virtual board."""
    with VirtualBoard(config, tape.image) as virtual, \
            Board.open(virtual.port, timeout=TIMEOUT_S, stall=TIMEOUT_S) as board:
        board.load(tape.image)
        tokens = list(board.run(list(PROMPT), count))
        return tokens, board.counters()


def run(count):
    """Everything; the rows of the table."""
    folder = PAGE.parents[1] / "build" / "real-size"
    config = preset(PRESET)
    try:
        packed, converting = timed("writing and converting", packed_model, folder)
        model, reading = timed("reading the trits", integer_model, folder / "packed")
        tape, compiling = timed("compiling", compile_integers, model, config)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (tokens, counters), simulating = timed("simulating", simulate, config, tape, count)
    golden, modelling = timed("golden model", lambda: list(Golden(model).generate(PROMPT, count)))
    if tokens != golden:
        raise TritoneError(f"the gateware gave {tokens}, the golden model {golden}")
    clocks = counters["clocks"] / counters["tokens"]
    if clocks != predict(tape).token:
        raise TritoneError(f"{clocks} clocks a token; predicted {predict(tape).token}")
    share = model.shape.trits / (config.lanes * config.memory_rate) / clocks
    total = counters["clocks"] + counters["prompt_clocks"]
    return [
        ("ternary weights", f"{model.shape.trits:,}", ""),
        ("packed checkpoint", f"{packed['bytes_written'] / 1e6:.0f} MB", "measured"),
        ("tape", f"{len(tape.image) / 1e6:.0f} MB, of which a token reads "
         f"{tape.header.token_words * config.word_bytes / 1e6:.0f} MB", "measured"),
        ("clocks a token", f"{clocks:,.0f}, as predicted", "simulated"),
        ("share of reading the trits alone", f"{float(share):.1%}", "simulated"),
        (f"tokens/s at {config.clock_hz / 1e6:g} MHz", f"{config.clock_hz / clocks:.1f}",
         "simulated clocks at an assumed rate"),
        ("tokens equal to the golden model's", f"{count} of {count}: {tokens}", "simulated"),
        ("simulation", f"{simulating:.0f} s for {total:,} clocks, compiling included",
         "measured"),
        ("write and convert, read, compile, golden model",
         ", ".join(f"{s:.0f} s" for s in (converting, reading, compiling, modelling)), "measured"),
        ("peak memory of this program",
         f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB", "measured"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=8)
    options = parser.parse_args()
    np.seterr(over="raise")
    try:
        rows = run(options.tokens)
        lines = [f"Random weights of exactly the {SIZE} shape on preset `{PRESET}` "
                 f"({preset(PRESET).lanes} lanes), by `make real-size`.", "",
                 "| | | how |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
        print("\n".join(lines))
        write_between(PAGE, *MARKS, "\n".join(lines))
    except TritoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
