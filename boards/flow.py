"""From a board to its bitstream: Amaranth, Yosys, nextpnr, ecppack."""

import json
import re
import sys
import time
from dataclasses import dataclass
from fractions import Fraction

from ..rtl.accelerator import ARRAYS
from ..rtl.emit import garbage_kept, to_rtlil, write_if_changed
from ..rtl.netlist_passes import improve
from ..rtl.synthesis import commands, distinct_names
from .board import BoardError
from .chips import lut4
from .machine import BoardMachine
from .tools import ECPPACK, NEXTPNR, YOSYS, HopelessError, ToolError, cell_counts, run_tool

NAME = "top"
HOURS = 3600
# nextpnr is told of an oscillator, and so of clocks behind the PLL, that are 1 % faster than they
# are: its router stops at the constraint, and its last analysis finds paths that are up to 1 %
# slower than it had thought.
MARGIN = Fraction(101, 100)
# How much more than wire length a slow connection counts for nextpnr's placer, which takes 10 by
# itself. The wires of a resident machine get shorter with it, too, from 625,000 tiles in all to
# 575,000 and 524,000 with these.
TIMING_WEIGHT = {"streamed": 30, "resident": 100}
# nextpnr's placer looks for a place for a cell this share of (cells squared) times before it gives
# up; by itself it is an eighth of them, many minutes for a place that is not there.
ATTEMPTS = 1000
NO_PLACE = re.compile("unable to find legal placement for cell '[^']*'", re.IGNORECASE)
# Iterations of the router without fewer paths that are too slow; left alone it goes on to 1,500,
# some minutes. With FEW of them left it is, because they may be too slow by less than the MARGIN.
ITERATIONS, FEW = 150, 5


class TimingError(BoardError):
    """No seed met the constraints."""


@dataclass
class Routed:
    """A placed and routed design.

    report : dict
        As nextpnr wrote it: fmax, critical_paths, utilization.
    seed : int
    seconds : dict of float
        That each tool took.
    """

    report: dict
    seed: int
    seconds: dict


def write_sources(board, folder):
    """RTLIL and constraints of a board: `top.il`, `top.lpf`, the same text each time."""
    with garbage_kept():
        plan = board.platform().prepare(BoardMachine(board), NAME, emit_src=False)
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in (".il", ".lpf"):
        text = plan.files[NAME + suffix]
        text = text if isinstance(text, str) else text.decode()
        text = with_margin(text) if suffix == ".lpf" else distinct_names(text)
        write_if_changed(folder / (NAME + suffix), text)


def with_margin(constraints):
    """The text of an LPF with MARGIN on its clocks."""
    return re.sub(r"^(FREQUENCY PORT \S+) (\S+) HZ",
                  lambda found: f"{found[1]} {float(Fraction(found[2]) * MARGIN)} HZ",
                  constraints, flags=re.MULTILINE)


def synthesise(folder, name=NAME):
    """`name`.il -> `name`.json; {cell: count} as Yosys counts them, and seconds."""
    write_if_changed(folder / f"{name}.ys", f"read_rtlil {name}.il\n{commands(name)}"
                     f"tee -o {name}.stat stat\nwrite_json {name}.json\n")
    own = folder / f"{name}.yosys.log"
    seconds = run_tool(YOSYS, ["-q", "-l", own.name, f"{name}.ys"], folder / f"{name}.output.log",
                       own=own, what=f"synthesis of {name}", timeout=HOURS)
    improve(folder / f"{name}.json", folder / f"{name}.json")
    return cell_counts((folder / f"{name}.stat").read_text()), seconds


def array_alone(board):
    """RTLIL text of the ternary array of `board`, as it is in the machine."""
    array = ARRAYS[board.config.array](board.config)
    return distinct_names(to_rtlil(array, "array", board.platform()))


def lut4_a_lane(board, folder):
    """LUT4 for each lane of the ternary array alone, accumulators included."""
    (folder / "array.il").write_text(array_alone(board))
    cells, _ = synthesise(folder, "array")
    return lut4(cells) / board.config.lanes


def device_options(board):
    """What tells nextpnr the chip."""
    chip = board.platform
    device = chip._nextpnr_device_options[chip.device]
    package = chip._nextpnr_package_options[chip.package].upper()
    return [device, "--package", package, "--speed", chip.speed]


def placement_options(board, seed):
    """What nextpnr is told for a placement, beside its routing."""
    return [*device_options(board), "--json", f"{NAME}.json", "--lpf", f"{NAME}.lpf",
            "--seed", str(seed),
            "--placer-heap-timingweight", str(TIMING_WEIGHT[board.config.weights]),
            "--placer-heap-cell-placement-timeout", str(ATTEMPTS)]


def place(board, folder, seed):
    """Places `top.json`, to see that it can be; how fast that is remains open. Seconds."""
    return run_tool(NEXTPNR, [*placement_options(board, seed), "--no-tmdriv", "--no-route"],
                    folder / "nextpnr.log", what=f"placement, seed {seed}", timeout=HOURS)


def gets_nowhere(log):
    """Why there is no more to come from nextpnr's router, judged by its log; "" if there may be.

    While wires are still shared it counts fewer slow paths than there will be.
    """
    failing = [int(n) for n in re.findall(r"iter=.* overused=0 .* tmgfail=(\d+)", log)]
    if failing and len(failing) - failing.index(min(failing)) > ITERATIONS and min(failing) > FEW:
        return (f"{min(failing)} connections are too slow, no fewer after {ITERATIONS} more "
                "iterations of the router")
    return ""


def place_and_route(board, folder, seed, last=False):
    """`top.json` -> `top.config` and nextpnr's report; (report, seconds), timing met or not.

    The report's constraints are the rates of the clocks, without the MARGIN that nextpnr was asked
    for. HopelessError when the router gets nowhere; with `last` it does not try to, so that there
    is a report. ToolError when anything but timing failed.
    """
    report = folder / "nextpnr.json"
    report.unlink(missing_ok=True)
    arguments = [*placement_options(board, seed), "--textcfg", f"{NAME}.config",
                 "--report", report.name,
                 # router1 has not ended on a whole machine; router2 looks at timing only when asked
                 "--router", "router2", *["--tmg-ripup"] * (not last)]
    begun = time.monotonic()
    try:
        run_tool(NEXTPNR, arguments, folder / "nextpnr.log",
                 what=f"placement and routing, seed {seed}", timeout=3 * HOURS,
                 hopeless=gets_nowhere)
    except HopelessError:
        raise
    except ToolError as error:  # missed timing ends it like a crash does, but with a report
        if found := NO_PLACE.search(str(error)):
            raise HopelessError(found[0]) from error
        if not report.exists() or met(json.loads(report.read_text())):
            raise
    return without_margin(json.loads(report.read_text())), time.monotonic() - begun


def without_margin(report):
    """A report with the rates of the clocks, in hundredths of a MHz, as its constraints."""
    for clock in report["fmax"].values():
        clock["constraint"] = round(clock["constraint"] / float(MARGIN), 2)
    return report


def met(report):
    """Every clock is as fast as it has to be."""
    return all(clock["achieved"] >= clock["constraint"] for clock in report["fmax"].values())


def route(board, folder, seeds):
    """The first seed that meets the constraints, as Routed; TimingError with the best otherwise."""
    reports, seeds = {}, list(seeds)
    for seed in seeds:
        try:
            reports[seed], seconds = place_and_route(board, folder, seed)
        except HopelessError as error:
            print(f"seed {seed}: {error}", file=sys.stderr)
            continue
        if met(reports[seed]):
            return Routed(reports[seed], seed, {"nextpnr": seconds})
        print(f"seed {seed}: {critical_path(reports[seed])}", file=sys.stderr)
    for seed in seeds if not reports else ():  # of which path can be said that it is too slow?
        try:
            reports[seed], _ = place_and_route(board, folder, seed, last=True)
            break
        except HopelessError:
            continue
    if not reports:
        raise HopelessError(f"{board.title}: no placement with seeds "
                            f"{', '.join(map(str, seeds))}")
    best = max(reports, key=lambda s: slowest(reports[s])[1])
    raise TimingError(f"{board.title}: timing is missed with seeds "
                      f"{', '.join(map(str, seeds))}; best with {best}: "
                      f"{critical_path(reports[best])}")


def slowest(report):
    """(clock, share of its constraint) of the clock that misses most, or has least to spare."""
    return min(((name, clock["achieved"] / clock["constraint"])
                for name, clock in report["fmax"].items()), key=lambda pair: pair[1])


def domain(clock):
    """Clock domain of the net that nextpnr calls `clock`."""
    box, _, name = clock.removeprefix("$glbnet$").rpartition(".")
    if box.split(".")[0] == "memory":  # whose boxes have it under names of their own
        return "mem"
    return "sync" if name == "clk" else name.removesuffix("_clk")


def critical_path(report):
    """The slowest path of the worst clock, in words."""
    name, _ = slowest(report)
    clock = report["fmax"][name]
    path = next(p["path"] for p in report["critical_paths"]
                if p["from"].split()[-1] == name == p["to"].split()[-1])
    delays = {"logic": 0.0, "routing": 0.0}
    for part in path:
        delays["routing" if part["type"] == "routing" else "logic"] += part["delay"]
    levels = sum(part["type"] == "logic" for part in path)
    first, last = (path[0]["from"]["cell"], path[-1]["to"]["cell"])
    return (f"domain {domain(name)}: {clock['achieved']:.1f} MHz of {clock['constraint']:.1f} MHz, "
            f"{sum(delays.values()):.2f} ns from {origin(first)} to {origin(last)}: {levels} cells "
            f"{delays['logic']:.2f} ns, routing {delays['routing']:.2f} ns")


def origin(cell):
    """The register or memory that a cell of the netlist is, without what the tools appended."""
    for mark in ("_TRELLIS_FF", "_LUT4", "_CCU2C", "_PFUMX", "_L6MUX", "_MULT18X18D", "_DP16KD"):
        cell = cell.partition(mark)[0]
    return cell


def utilisation(report):
    """{resource: {used, available}} in the words of the report."""
    names = {"LUT4": "TRELLIS_COMB", "FF": "TRELLIS_FF", "EBR": "DP16KD", "DSP": "MULT18X18D",
             "LUTRAM": "TRELLIS_RAMW"}
    return {name: report["utilization"][cell] for name, cell in names.items()}


def pack(folder, name):
    """`top.config` -> NAME.bit."""
    run_tool(ECPPACK, ["--compress", "--input", f"{NAME}.config", "--bit", name],
             folder / "ecppack.log", what="bitstream", timeout=HOURS)
    return folder / name
