"""Runs a model on the netlist of the machine and compares it with the golden model.

    python -m tritone.sim.check_netlist --preset tiny --model models/stories-200k

The first text starts from the configuration, without a reset; the second after a reset of a machine
that has worked. Both must be the golden model's, in the clocks that the compiler predicts.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from ..compiler.clocks import predict
from ..compiler.tape import compile_integers
from ..host.driver import Board
from ..host.text import encode_prompt, load_tokenizer
from ..model.golden import Golden
from ..model.integers import integer_model
from . import netlist
from .progress import step

PROMPTS = ("Once upon a time", "Tom")
REPLY_S, STALL_S = 300.0, 1800.0  # of a simulation that shares its processor
PAUSE_S = 600


def wait_for_reset(virtual):
    """Until the clock of the board stands still: then the machine has rested long enough."""
    end, before = time.monotonic() + PAUSE_S, None
    while time.monotonic() < end:
        clocks = virtual.statistics()["clocks"]
        if clocks == before:
            return
        before = clocks
        time.sleep(2)
    raise netlist.NetlistError(f"the machine did not come to rest within {PAUSE_S} s")


def write(virtual, board, prompts, count):
    """(tokens, counters) of each prompt, with a reset before all but the first."""
    for n, prompt in enumerate(prompts):
        if n:
            wait_for_reset(virtual)
            if board.counters()["tokens"]:
                raise netlist.NetlistError("the counters have outlived a reset")
        with step(f"writing {count} tokens on the netlist"):
            tokens = list(board.run(prompt, count))
        yield tokens, board.counters()


def check(config, folder, count, fault=None):
    """Rows (what, wanted, found) of the comparison, and the statistics of the simulation."""
    model = integer_model(folder, config.formats)
    tape, tokenizer = compile_integers(model, config), load_tokenizer(folder)
    verilog, cells = netlist.netlist(config)
    if fault:
        verilog = netlist.faulty(verilog, *fault)
    prompts = [encode_prompt(tokenizer, text) for text in PROMPTS]
    clocks, rows = predict(tape), []
    with netlist.netlist_board(config, tape.image, verilog) as virtual, \
            Board.open(virtual.port, timeout=REPLY_S, stall=STALL_S) as board:
        for text, prompt, (tokens, counters) in zip(
                PROMPTS, prompts, write(virtual, board, prompts, count)):
            golden = list(Golden(model).generate(prompt, count))
            rows += [(f"{text!r}: tokens as the golden model's", count,
                      sum(a == b for a, b in zip(tokens, golden))),
                     (f"{text!r}: clocks of {count} tokens", count * clocks.token,
                      counters["clocks"]),
                     (f"{text!r}: clocks of the prompt", (len(prompt) - 1) * clocks.prompt,
                      counters["prompt_clocks"])]
        return rows, virtual.statistics(), cells


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tritone.sim.check_netlist",
                                     description="The netlist against the golden model.")
    parser.add_argument("--preset", default="tiny", choices=sorted(PRESETS))
    parser.add_argument("--model", default="models/stories-200k", type=Path, metavar="DIR")
    parser.add_argument("--tokens", default=32, type=int, metavar="N")
    parser.add_argument("--fault", nargs=2, type=int, metavar=("LUT", "BIT"),
                        help="turn one bit of one LUT4 round: the check must then fail")
    options = parser.parse_args(arguments)
    try:
        rows, statistics, cells = check(preset(options.preset), options.model, options.tokens,
                                        options.fault)
    except (TritoneError, OSError) as error:
        sys.exit(f"netlist: {error}")
    table = Table("check", "wanted", "found", "verdict")
    for what, wanted, found in rows:
        table.add_row(what, str(wanted), str(found), "pass" if wanted == found else "FAIL")
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    print(", ".join(f"{count} {name}" for name, count in sorted(cells.items())))
    print(f"{statistics['clocks']} clocks in {statistics['seconds']:.0f} s: "
          f"{statistics['clocks_per_second']} a second (simulated)")
    sys.exit(any(wanted != found for _, wanted, found in rows))


if __name__ == "__main__":
    main()
