"""Watts and joules a token of a board without a meter: a range, and which block draws what.

    figures = estimate("ulx3s-85f", load())
"""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from ..boards.board import board as board_of
from ..common.config import preset
from ..common.origin import commit
from ..sim.cache import build_root
from .activity import KEPT, ActivityError, borrowed, kept_activity, path_of
from .design import Design, Memory, boxes, chips, difference
from .energies import EnergyError
from .terms import grouped, total

TREE = Path(__file__).resolve().parents[1]
REPORTS = TREE / "docs" / "data" / "boards"
PROVENANCE = "estimated"
REPORTED = {"board", "title", "device", "preset", "speed", "utilisation", "clock_hz", "commit"}
LIKE = "sdram16"  # whose activity stands for that of a machine that was not simulated


@dataclass(frozen=True)
class Subject:
    """A board with a model: its report, its Design, what its activity is from."""

    report: dict
    design: Design

    @property
    def activity(self):
        return self.design.activity


def report_of(name, built=True):
    """The report of a board: of build/ if `built`, else of docs/data; EnergyError without one, or
    for one that is none."""
    for path in (*[build_root() / name / "report.json"] * built, REPORTS / f"{name}.json"):
        if not path.exists():
            continue
        try:
            report = json.loads(path.read_text())
        except ValueError as error:
            raise EnergyError(f"{path}: {error}; expected JSON") from error
        if not isinstance(report, dict):
            raise EnergyError(f"{path}: not a report of make synth")
        if missing := sorted(REPORTED - set(report)):
            raise EnergyError(f"{path}: not a report of make synth, it lacks {missing[0]!r}")
        return report
    known = ", ".join(sorted(path.stem for path in REPORTS.glob("*.json")))
    raise EnergyError(f"no report of a board {name!r}: make synth BOARD={name}, or one of {known}")


def subject(name, model, energies, kept=KEPT, built=True):
    """The Subject of a board's name; `model` None: that of its report. EnergyError, ActivityError
    or BoardError say what is missing."""
    report = report_of(name, built)
    config, memory = preset(report["preset"]), board_of(name).memory
    speed = report["speed"]
    if model and Path(model).name != Path(speed["model"]).name:
        raise ActivityError(f"the clocks of {name} are known for {speed['model']} only, "
                            f"not for {model}")
    memory = memory and Memory(memory.part, memory.hz)
    try:
        activity = kept_activity(config.name, speed["model"], kept)
    except ActivityError:
        if not path_of(LIKE, speed["model"], kept).exists():
            raise
        activity = lent(report, memory, config.word_bits, kept)
    return Subject(report, Design.of(report, activity, memory, config.word_bits, energies))


def lent(report, memory, word_bits, kept):
    """The activity of LIKE for a board whose machine was not simulated. It reads as many words a
    token as its report's share of the memory's peak says."""
    speed, words = report["speed"], 0.0
    clocks = speed["clocks_per_token"]
    if memory:
        bits = memory.part.data_bits * memory.hz / report["clock_hz"]  # a clock, at the peak
        words = speed["share_of_memory_peak"] * clocks * bits / word_bits
    used = {name: entry["used"] for name, entry in report["utilisation"].items()}
    like = kept_activity(LIKE, speed["model"], kept)
    return borrowed(like, report["preset"], used, clocks, words)


def breakdown(terms, energies, errors):
    """A row a block, the largest first: range of its watts, and typical watts of each kind."""
    rows = []
    for block, members in grouped(terms, "block").items():
        kinds = {kind: float(f"{total(some, energies).typical:.4g}")
                 for kind, some in grouped(members, "kind").items()}
        rows.append({"block": block, **total(members, energies, errors).to_dict(), "kinds": kinds})
    return sorted(rows, key=lambda row: -row["typical"])


def figures_of(design, energies):
    """Ranges of the board and of its chips alone, running and idle, and the joules of a token."""
    running, idle, errors = design.running(), design.idle(), design.activity.errors
    rate = design.tokens_per_second
    parts = {"board": lambda terms: terms, "chips": chips}
    watts = {part: {state: total(choose(terms), energies, errors)
                    for state, terms in (("running", running), ("idle", idle))}
             for part, choose in parts.items()}
    above = total(difference(running, idle), energies, errors)
    return {
        "watts": {part: {state: r.to_dict() for state, r in states.items()}
                  for part, states in watts.items()} | {
                      "above_idle": above.to_dict(),
                      "machine": total(boxes(running), energies, errors).to_dict()},
        "joules_a_token": {part: states["running"].over(rate).to_dict()
                           for part, states in watts.items()}
        | {"above_idle": above.over(rate).to_dict()},
        "blocks": breakdown(running, energies, errors),
        "idle_blocks": breakdown(idle, energies, errors),
    }


def estimate(name, energies, model=None, kept=KEPT, built=True):
    """The object that is kept as docs/data/power/BOARD.json; all figures are estimates. `built`: a
    report in build/ comes before the one that is kept."""
    about = subject(name, model, energies, kept, built)
    activity, report, design = about.activity, about.report, about.design
    return {
        "board": name, "title": report["title"], "device": report["device"],
        "preset": report["preset"], "model": activity.model,
        "provenance": PROVENANCE,
        "mark": energies.mark + (f", activity of {activity.like}" if activity.like else ""),
        "clock_hz": report["clock_hz"], "clocks_per_token": report["speed"]["clocks_per_token"],
        "tokens_per_second": design.tokens_per_second,
        **figures_of(design, energies),
        "activity": {"provenance": f"{activity.provenance} netlist, {activity.windows} tokens",
                     "commit": activity.commit, "relative_errors": activity.errors},
        "report_commit": report["commit"],
        "command": f"tritone power estimate {name}", "commit": commit(),
    }


def engineering(value, unit):
    """Three digits with a prefix: 0.0123 J as 12.3 mJ."""
    for scale, prefix in ((1, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n")):
        if abs(value) >= scale:
            return f"{value / scale:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}"


def span(entry, unit):
    """low ... high of a range in words, `typical` first."""
    low, typical, high = (engineering(entry[k], unit) for k in ("low", "typical", "high"))
    return f"{typical} ({low} to {high})"


def tables(figures):
    """Two rich tables: the totals, and the watts of each block while it runs."""
    watts, joules = figures["watts"], figures["joules_a_token"]
    totals = Table("", "board", "FPGA and SDRAM", title=f"{figures['title']}, {figures['mark']}")
    for state in ("running", "idle"):
        totals.add_row(state, span(watts["board"][state], "W"), span(watts["chips"][state], "W"))
    totals.add_row("above idle", span(watts["above_idle"], "W"), "")
    totals.add_row("a token", span(joules["board"], "J"), span(joules["chips"], "J"))
    totals.add_row("a token, above idle", span(joules["above_idle"], "J"), "")
    parts = Table("block", "typical", "low", "high", "most of it",
                  title=f"watts while a text is written, {figures['mark']}")
    for row in figures["blocks"]:
        most = sorted(row["kinds"].items(), key=lambda item: -item[1])[:3]
        parts.add_row(row["block"], *(engineering(row[k], "W") for k in ("typical", "low", "high")),
                      ", ".join(f"{kind} {engineering(value, 'W')}" for kind, value in most))
    return totals, parts


def markdown(every):
    """The table of docs/power.md: a row a board."""
    rows = ["| board | model | tokens/s | running | idle | a token | the chips, a token | how |",
            "|---|---|---|---|---|---|---|---|"]
    for f in every:
        rows.append("| " + " | ".join((
            f["title"] + (" resident" if f["preset"] == "resident" else ""), Path(f["model"]).name,
            f"{f['tokens_per_second']:,.0f}", span(f["watts"]["board"]["running"], "W"),
            span(f["watts"]["board"]["idle"], "W"), span(f["joules_a_token"]["board"], "J"),
            span(f["joules_a_token"]["chips"], "J"), f["mark"])) + " |")
    return "\n".join(rows)
