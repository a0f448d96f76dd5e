"""Loads a bitstream into a board with openFPGALoader: `make program BOARD=ulx3s-85f`."""

import argparse
import shutil
import subprocess
import sys

from ..common.errors import TritoneError
from ..sim.cache import build_root
from .board import BoardError, board

TIMEOUT = 300


def program(chosen, flash=False):
    """Loads build/BOARD/BOARD.bit; BoardError says what is missing."""
    bitstream = build_root() / chosen.name / f"{chosen.name}.bit"
    if not bitstream.exists():
        raise BoardError(f"there is no {bitstream}: make synth BOARD={chosen.name}")
    loader = shutil.which("openFPGALoader")
    if loader is None:
        raise BoardError("openFPGALoader is missing; install it with: sudo apt-get install "
                         "openfpgaloader (or see https://trabucayre.github.io/openFPGALoader)")
    command = [loader, *chosen.loader, *(["--write-flash"] if flash else []), str(bitstream)]
    try:
        done = subprocess.run(command, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise BoardError(f"openFPGALoader had not finished after {TIMEOUT} s") from None
    if done.returncode:
        raise BoardError(f"openFPGALoader failed with exit code {done.returncode}: is the board "
                         "connected, and may you use it (its udev rules)?")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tritone.boards.program", description=__doc__)
    parser.add_argument("board", metavar="BOARD")
    parser.add_argument("--flash", action="store_true", help="keep it over power cycles")
    options = parser.parse_args(arguments)
    try:
        program(board(options.board), options.flash)
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
