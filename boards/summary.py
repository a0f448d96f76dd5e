"""Writes what is known of the boards into docs/boards.md, docs/pcie.md and README.md.

    python -m tritone.boards.summary [--list]

The machine of each board comes from its file, the figures from docs/data/boards/BOARD.json, to
which build/BOARD/report.json goes first where there is one; those of a board that needs its
vendor's tool from docs/data/synthesis/BOARD.json and build/verilog-BOARD/synthesis.json.
"""

import argparse
import json
import sys
from pathlib import Path

from ..common.errors import TritoneError
from ..common.page import marks, write_between
from ..compiler.sizes import obstacle
from ..model.settings import Settings
from ..rtl.emit import write_if_changed
from ..sim.cache import build_root
from .board import boards, vendor_boards
from .report import COLUMNS, table
from .usplus_synthesis import COLUMNS as VENDOR_COLUMNS

TREE = Path(__file__).resolve().parents[1]
PAGE, PCIE, README = TREE / "docs" / "boards.md", TREE / "docs" / "pcie.md", TREE / "README.md"
KEPT = TREE / "docs" / "data"
COMMAND = "make synth-report"
FIGURES, MACHINES = marks("boards", COMMAND), marks("machines", COMMAND)
SYNTHESIS = marks("synthesis", COMMAND)


def keep(root, kept):
    """Copies the reports under `root` to boards/BOARD.json and synthesis/BOARD.json in `kept`."""
    made = {f"boards/{name}.json": root / name / "report.json" for name in boards()}
    made |= {f"synthesis/{name}.json": root / f"verilog-{name}" / "synthesis.json"
             for name in vendor_boards()}
    for name, path in made.items():
        if path.exists():
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            write_if_changed(kept / name, path.read_text())


def _reports(kept, names, command):
    """The reports in `kept`, in the order of the boards' names; TritoneError without any."""
    paths = [kept / f"{name}.json" for name in sorted(names)]
    found = [json.loads(path.read_text()) for path in paths if path.exists()]
    if not found:
        raise TritoneError(f"no board has a report in {kept}: {command}")
    return found


def reports(kept):
    """Reports of bitstreams."""
    return _reports(kept / "boards", boards(), "make synth BOARD=ulx3s-85f")


def synthesis_reports(kept):
    """What Yosys says of the boards that need their vendor's tool."""
    return _reports(kept / "synthesis", vendor_boards(), "make synth-xilinx BOARD=kcu116")


def shapes():
    """{name: ModelShape} of the shipped models."""
    return {path.parent.name: Settings(path.parent).shape
            for path in sorted((TREE / "models").glob("*/config.json"))}


def _memory(board):
    if board.memory is None:
        return "block RAM"
    part = board.memory.part
    return (f"{part.size >> 20} MB x {part.data_bits}, {board.memory.hz / 1e6:.0f} MHz, "
            f"{float(board.memory.phase):.0f}°")


def _models(board):
    if board.memory is None:
        return Path(board.model).name
    return ", ".join(n for n, shape in shapes().items() if not obstacle(shape, board.config))


MACHINE = {
    "`BOARD=`": lambda b: f"`{b.name}`",
    "chip": lambda b: b.device,
    "memory, its clock's phase": _memory,
    "preset": lambda b: f"`{b.preset}`",
    "formats": lambda b: b.config.formats.name,
    "lanes": lambda b: f"{b.config.lanes:,}",
    "MHz": lambda b: f"{b.config.clock_hz / 1e6:.0f}",
    "hidden": lambda b: f"{b.config.max_hidden:,}",
    "inner": lambda b: f"{b.config.max_inner:,}",
    "hidden x layers": lambda b: f"{b.config.max_hidden * b.config.max_layers:,}",
    "shipped models that fit": _models,
}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tritone.boards.summary",
                                     description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the names of all boards")
    options = parser.parse_args(arguments)
    known = [board for _, board in sorted(boards().items())]
    if options.list:
        print("\n".join(board.name for board in known))
        return 0
    try:
        write_between(PAGE, *MACHINES, table(MACHINE, known))
        keep(build_root(), KEPT)
        rows = table(COLUMNS, reports(KEPT))
        for page in PAGE, README:
            write_between(page, *FIGURES, rows)
        write_between(PCIE, *SYNTHESIS, table(VENDOR_COLUMNS, synthesis_reports(KEPT)))
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
