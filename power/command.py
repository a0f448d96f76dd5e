"""`tritone power estimate|calibrate|activity`: what a board draws, where there is no meter.

    tritone power estimate ulx3s-85f
    tritone power calibrate build/measure/*/run.json --board ulx3s-85f
    tritone power activity --preset sdram16 --model models/stories-1m5
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..common.config import preset
from ..common.errors import TritoneError
from ..common.page import marks, write_between
from ..host.common_options import Parser
from ..sim.cache import build_root
from . import activity, calibrate, energies, estimate

TREE = Path(__file__).resolve().parents[1]
PAGE, FIGURES = TREE / "docs" / "power.md", TREE / "docs" / "figures"
ESTIMATES = marks("estimates", "tritone power estimate --keep")
SOURCES = marks("energies", "tritone power estimate --keep")
PICTURED = "ulx3s-85f", "ulx3s-85f-resident"
WIDTH = 110  # without a terminal


def png(text):
    if Path(text).suffix != ".png":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    return Path(text)


def parse(arguments):
    parser = Parser(prog="tritone power", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("estimate", help="watts and joules a token of a built board")
    one.add_argument("boards", nargs="*", metavar="BOARD",
                     help="without: all that have a report")
    one.add_argument("--model", type=Path, metavar="DIR", help="that of the board's report")
    one.add_argument("--calibration", type=Path, metavar="FILE",
                     help="of tritone power calibrate; without, the one in build/, if there is one")
    one.add_argument("--uncalibrated", action="store_true", help="leave that one out")
    one.add_argument("--json", action="store_true", help="print JSON instead of tables")
    one.add_argument("--keep", action="store_true",
                     help="write docs/data/power, docs/figures and docs/power.md anew")
    one.add_argument("--picture", type=png, metavar="FILE.png", help="of one board")
    two = commands.add_parser("calibrate", help="fit the energies to measured runs")
    two.add_argument("runs", nargs="+", type=Path, metavar="RUN.json")
    two.add_argument("--board", metavar="NAME", help="on which they ran: ulx3s-85f, ...")
    two.add_argument("--meter", type=float, default=calibrate.METER, metavar="SHARE",
                     help="relative error of a measured power (default %(default)s)")
    two.add_argument("-o", "--output", type=Path, metavar="FILE")
    three = commands.add_parser("activity", help="simulate a netlist and count toggles (minutes)")
    three.add_argument("--preset", default="tiny", metavar="NAME")
    three.add_argument("--model", type=Path, default=Path("models/stories-1m5"), metavar="DIR")
    three.add_argument("--windows", type=int, default=activity.WINDOWS, metavar="N",
                       help="tokens to count (default %(default)s, at least 2)")
    return parser.parse_args(arguments)


def default_calibration():
    return build_root() / "power" / "calibration.json"


def chosen_energies(options):
    """Energies, calibrated where there is a calibration."""
    known = energies.load()
    path = options.calibration or default_calibration()
    if options.uncalibrated or not (options.calibration or path.exists()):
        return known
    try:
        return calibrate.calibrated(known, json.loads(path.read_text()))
    except (OSError, ValueError, TritoneError) as error:
        raise energies.EnergyError(f"{path}: {error}") from error


def known_boards():
    """Boards of which there is a report."""
    return sorted(path.stem for path in estimate.REPORTS.glob("*.json"))


def keep(every, known):
    """Writes what the documents show."""
    from .picture import draw
    for figures in every:
        path = activity.KEPT / f"{figures['board']}.json"
        path.write_text(json.dumps(figures, indent=1) + "\n")
        if figures["board"] in PICTURED:
            draw(figures, FIGURES / f"power-{figures['board']}.png")
    write_between(PAGE, *ESTIMATES, estimate.markdown(every))
    write_between(PAGE, *SOURCES, energies.markdown(known))


def run_estimate(options):
    if options.keep and options.boards:
        raise energies.EnergyError("--keep writes the page of all boards: name none")
    if options.picture and len(options.boards) != 1:
        raise energies.EnergyError("--picture draws one board: name it")
    known = chosen_energies(options)
    every = [estimate.estimate(name, known, options.model, built=not options.keep)
             for name in options.boards or known_boards()]
    if not every:
        raise energies.EnergyError("no board has a report: make synth BOARD=ulx3s-85f")
    if options.json:
        print(json.dumps(every if len(every) > 1 else every[0], indent=1))
    else:
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        for figures in every:
            for table in estimate.tables(figures):
                console.print(table)
    if options.picture:
        from .picture import draw
        draw(every[0], options.picture)
    if options.keep:
        keep(every, known)


def run_calibrate(options):
    if not 0 < options.meter < 1:
        raise energies.EnergyError(f"--meter {options.meter} must be between 0 and 1")
    known = energies.load()
    if len({path.resolve() for path in options.runs}) < len(options.runs):
        raise energies.EnergyError("a run is given twice, and would count twice")
    seen = [o for path in options.runs
            for o in calibrate.observations(path, known, options.board)]
    found = calibrate.fit(seen, known, options.meter)
    path = options.output or default_calibration()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(calibrate.record(found, known, options.runs, options.meter),
                               indent=1) + "\n")
    table = Table("energy", "times", "left of its uncertainty", "")
    for name in found.names:
        table.add_row(name, f"{found.factors[name]:.3g}", f"{found.share[name]:.0%}",
                      "not determined by these runs" if name in found.undetermined else "")
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
    for name, ratio in found.residuals.items():
        print(f"{name}: modelled {ratio:.3f} of measured")
    print(f"{path}: tritone power estimate uses it from now on")


def run_activity(options):
    if options.windows < 2:
        raise energies.EnergyError(f"--windows {options.windows}: two are the least, "
                                   "for an error to be known")
    found = activity.measure(preset(options.preset), options.model, options.windows)
    print(f"{activity.write(found)}: {found.clocks:,} clocks a token, {found.windows} tokens, "
          f"{found.seconds} s")


COMMANDS = {"estimate": run_estimate, "calibrate": run_calibrate, "activity": run_activity}


def main(arguments=None):
    """Runs a command; its exit code."""
    options = parse(arguments)
    try:
        COMMANDS[options.command](options)
    except (TritoneError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
