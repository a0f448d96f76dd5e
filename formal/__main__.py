"""Runs the proofs and prints a table.

    python -m tritone.formal [NAME ...] [--json FILE] [--mutants]
"""

import argparse
import importlib
import json
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ..common.errors import TritoneError
from . import faults, sby

MODULES = ("handshake", "tape_reader", "sum_queue", "code_banks", "quantiser", "frame_parser",
           "frame_builder", "uart", "ecp5_lanes", "stream_buffer", "skid_buffer", "credit_queue",
           "crossing_queue", "sdram_controller", "transfer_cutter", "pcie_read", "pcie_write",
           "pcie_arbiter", "pcie_ring", "pcie_workers")


def boxes(names=()):
    """All boxes, or those called `names`; FormalError lists the known ones."""
    known = {box.name: box for module in MODULES
             for box in importlib.import_module(f"{__package__}.{module}").BOXES}
    for name in names:
        if name not in known:
            raise sby.FormalError(f"unknown proof {name!r}; known: {', '.join(sorted(known))}")
    return [known[name] for name in names] if names else list(known.values())


def prove(wanted, modes, console, traced=True):
    """Results of `wanted` boxes, with progress on standard error."""
    runs = [(box, mode) for box in wanted for mode in box.modes if mode in (modes or box.modes)]
    results = []
    with Progress(console=console) as progress:
        task = progress.add_task("proving", total=len(runs))
        for box, mode in runs:
            progress.update(task, description=f"{box.name}: {mode}")
            results.append(sby.run(box, mode, traced))
            progress.advance(task)
            if results[-1].verdict != sby.PASS:
                console.print(f"{box.name} {mode}: {results[-1].verdict}\n{results[-1].log}",
                              markup=False)
    return results


def table(wanted, results):
    says = {box.name: box.says for box in wanted}
    shown = Table("proof", "property", "mode", "engine", "depth", "s", "verdict")
    before = None
    for r in results:
        shown.add_row(*([r.box, says[r.box]] if r.box != before else ["", ""]), r.mode, r.engine,
                      str(r.depth), f"{r.seconds:.0f}", r.verdict)
        before = r.box
    return shown


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="tritone.formal", description="Proofs of the gateware's boxes.",
        epilog="Verdicts: pass; FAIL, with the line of the property and the folder of the trace; "
               "TIMEOUT; ERROR. The exit code is 0 when everything passed.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these proofs")
    parser.add_argument("--mode", action="append", choices=("bound", "prove", "cover"),
                        help="only this; may be given more than once")
    parser.add_argument("--no-trace", action="store_true",
                        help="only say that a proof failed, not where")
    parser.add_argument("--mutants", action="store_true",
                        help="plant a fault for each proof and see it fail")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, too")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with the solvers it started
    try:
        if options.mutants:
            sys.exit(faults.main(options.names, console))
        wanted = boxes(options.names)
        results = prove(wanted, options.mode, console, not options.no_trace)
    except TritoneError as error:
        sys.exit(f"formal: {error}")
    Console(width=None if sys.stdout.isatty() else 160).print(table(wanted, results))
    if options.json:
        options.json.write_text(json.dumps([vars(r) for r in results], indent=1) + "\n")
    failed = sum(r.verdict != sby.PASS for r in results)
    print(f"{len(results) - failed} of {len(results)} runs passed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
