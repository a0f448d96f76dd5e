"""A bitstream from nothing but pip-installed tools: `make synth BOARD=ulx3s-85f`.

    python -m tritone.boards.build ulx3s-85f [--preset NAME] [--seeds 8] [--no-simulation]
    python -m tritone.boards.build ulx3s-85f --again | --place

Leaves build/BOARD/BOARD.bit and report.json, with the sources, netlist and logs beside them.
`--again` builds anew with the seed of that report and compares the bitstreams byte for byte;
`--place` ends with a placement, to see that the machine fits; an earlier bitstream stays.
"""

import argparse
import hashlib
import json
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ..common.errors import TritoneError
from ..rtl.emit import write_if_changed
from ..sim.cache import build_root
from .board import BoardError, board, boards
from .chips import check_room, needs
from .floorplan import arrange
from .flow import NAME, lut4_a_lane, pack, place, route, synthesise, write_sources
from .report import report, speed
from .tools import versions

SEEDS = 8
INTERRUPTED, TERMINATED = 130, 143


def build(chosen, folder, seeds, simulate=True):
    """Builds `chosen` into `folder`; its report, which is also written there.

    Raises TritoneError: a tool that failed, timing that no seed meets. What an earlier build left
    goes first, so that a bitstream in the folder is always that of the report beside it.
    """
    packages, begun = versions(), time.monotonic()
    bitstream, result = folder / f"{chosen.name}.bit", folder / "report.json"
    for path in (bitstream, result):
        path.unlink(missing_ok=True)
    write_sources(chosen, folder)
    lanes = lut4_a_lane(chosen, folder)
    cells, seconds = synthesise(folder)
    check_room(chosen, cells)
    arrange(chosen.platform.device, folder / f"{NAME}.json")
    routed = route(chosen, folder, seeds)
    pack(folder, bitstream.name)
    figures = report(chosen, routed, lanes, {}, packages)
    if simulate:
        figures["speed"] = speed(chosen)
    figures["sha256"] = digest(bitstream)
    figures["seconds"] = {"yosys": seconds, **routed.seconds, "all": time.monotonic() - begun}
    write_if_changed(result, json.dumps(figures, indent=1) + "\n")
    return figures


def place_only(chosen, folder):
    """Synthesises and places `chosen` in `folder`; one line about it."""
    write_sources(chosen, folder)
    cells, seconds = synthesise(folder)
    check_room(chosen, cells)
    arrange(chosen.platform.device, folder / f"{NAME}.json")
    seconds += place(chosen, folder, chosen.seed)
    needed = ", ".join(f"{count:,} {name}" for name, count in needs(cells).items())
    return f"{chosen.title}, preset {chosen.preset}: {needed}: placed, {seconds:,.0f} s"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build_again(chosen, folder):
    """Builds what `folder` holds once more, from nothing, elsewhere; the report that is there.

    BoardError when there is none, or when the bitstream comes out different.
    """
    path = folder / "report.json"
    if not path.exists():
        raise BoardError(f"there is no {path}: build first, without --again")
    before = json.loads(path.read_text())
    with tempfile.TemporaryDirectory(dir=folder) as other:
        after = build(chosen, Path(other), [before["seed"]], simulate=False)
    if before["versions"] != after["versions"]:
        raise BoardError(f"{path} was built with {before['versions']}; here are "
                         f"{after['versions']}")
    if before["sha256"] != after["sha256"]:
        raise BoardError(f"{chosen.name}: built again with seed {before['seed']} the bitstream has "
                         f"SHA-256 {after['sha256']}; {path} has {before['sha256']}")
    return before


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tritone.boards.build",
                                     description=__doc__.splitlines()[0])
    parser.add_argument("board", metavar="BOARD", help=f"one of: {', '.join(sorted(boards()))}")
    parser.add_argument("--preset", help="another machine than the board's own")
    parser.add_argument("--seed", type=int, help="the first to try (default: the board's)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many to try")
    parser.add_argument("--again", action="store_true",
                        help="build what is there once more and compare")
    parser.add_argument("--place", action="store_true",
                        help="only synthesise and place, in DIR/placed")
    parser.add_argument("--no-simulation", action="store_true", help="no clocks a token")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="instead of build/BOARD")
    return parser.parse_args(arguments)


def summary(figures):
    """One line for people."""
    used = figures["utilisation"]
    return (f"{figures['title']}, preset {figures['preset']}: "
            + ", ".join(f"{u['used']:,} of {u['available']:,} {name}" for name, u in used.items())
            + f"; {figures['critical_path']}; seed {figures['seed']}, "
              f"{figures['seconds']['all']:,.0f} s")


def main(arguments=None):
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # with the tool it started
    try:
        chosen = board(options.board)
        if options.preset:
            chosen = chosen.with_preset(options.preset)
        name = "-".join(filter(None, (chosen.name, options.preset)))
        folder = options.output or build_root() / name
        if options.again:
            print(f"the same bitstream again: SHA-256 {build_again(chosen, folder)['sha256']}")
            return 0
        if options.seed is not None:
            chosen = replace(chosen, seed=options.seed)
        if options.place:
            print(place_only(chosen, folder / "placed"))
            return 0
        figures = build(chosen, folder, chosen.seeds(options.seeds), not options.no_simulation)
    except (TritoneError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    print(summary(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
