"""Sources of a board for its vendor's tool: `make verilog BOARD=kcu116`.

    python -m tritone.boards.vendor kcu116 [--preset NAME] [--synthesise] [-o DIR]

Leaves build/verilog-BOARD/: tritone.v (the machine), BOARD.v (the top level), BOARD.tcl (project
and blocks), BOARD.xdc (constraints). `--synthesise` runs Yosys' synth_xilinx on tritone.v, prints
what it takes of the FPGA and writes it to synthesis.json.
"""

import argparse
import json
import sys
from pathlib import Path

from ..common.errors import TritoneError
from ..common.pcie import PcieUse
from ..rtl.axi_top import AxiTop
from ..rtl.emit import to_rtlil, to_verilog, write_if_changed
from ..sim.cache import build_root
from ..sim.progress import step
from .board import BoardError, vendor_boards
from .usplus_ports import PortError
from .usplus_synthesis import figures, summary
from .usplus_top import MACHINE, top_text
from .vendor_board import vendor_board
from .vivado import constraints_text, project_text

# Streams of the machine, by their names at the block.
NAMES = {"cq": "m_axis_cq", "cc": "s_axis_cc", "rq": "s_axis_rq", "rc": "m_axis_rc"}


def design(board):
    """The machine of `board` with its AXI memory: what is emitted as MACHINE."""
    config = board.config
    if config.weights != "streamed":
        raise BoardError(f"preset {config.name!r} has its model in block RAM; {board.title} needs "
                         "one with a memory")
    if (size := config.memory_words * config.word_bytes) > board.ddr4.size:
        raise BoardError(f"preset {config.name!r} wants {size:,} bytes of memory; {board.title} "
                         f"has {board.ddr4.size:,}")
    try:
        machine = board.machine(config, PcieUse(lanes=board.pcie.dwords))
        return AxiTop(config, machine, data_bits=board.ddr4.axi_bits, names=NAMES)
    except ValueError as error:
        raise BoardError(f"preset {config.name!r} on {board.title}: {error}") from error


def write(board, folder):
    """Writes the sources; their paths, the machine's first."""
    machine = design(board)
    try:
        texts = {f"{board.name}.v": top_text(board, machine),
                 f"{board.name}.tcl": project_text(board),
                 f"{board.name}.xdc": constraints_text(board)}
    except PortError as error:
        raise BoardError(f"{board.title}: {error}") from error
    with step("writing the machine's Verilog"):
        texts = {f"{MACHINE}.v": to_verilog(to_rtlil(machine, MACHINE)), **texts}
    for name, text in texts.items():
        write_if_changed(folder / name, text)
    return [folder / name for name in texts]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tritone.boards.vendor",
                                     description=__doc__.splitlines()[0])
    parser.add_argument("board", metavar="BOARD",
                        help=f"one of: {', '.join(sorted(vendor_boards()))}")
    parser.add_argument("--preset", help="another machine than the board's own")
    parser.add_argument("--synthesise", action="store_true", help="what it takes, by Yosys")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR",
                        help="instead of build/verilog-BOARD")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse(arguments)
    try:
        board = vendor_board(options.board)
        if options.preset:
            board = board.with_preset(options.preset)
        name = "-".join(filter(None, ("verilog", board.name, options.preset)))
        folder = options.output or build_root() / name
        for path in write(board, folder):
            print(path)
        if options.synthesise:
            found = figures(board, folder)
            write_if_changed(folder / "synthesis.json", json.dumps(found, indent=1) + "\n")
            print(summary(found))
    except (TritoneError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
