"""What is known of a built bitstream: build/BOARD/report.json, and the table made of several."""

import json
import subprocess
import sys
from pathlib import Path

from ..common.errors import TritoneError
from ..common.origin import commit
from ..compiler.clocks import predict
from ..compiler.tape import compile_model
from ..sim.progress import step
from .flow import critical_path, domain, slowest, utilisation

TREE = Path(__file__).resolve().parents[1]
TOKENS = 4  # each takes the same clocks
SIMULATION_TIMEOUT = 1800


def simulated_clocks(board):
    """Clocks of a sampled token of the board's model on the virtual board with its memory.

    TritoneError when the simulation fails.
    """
    command = [sys.executable, str(TREE / "host" / "generate.py"), "--board", "virtual", "--preset",
               board.config.name, "--model", board.model, "--tokens", str(TOKENS), "--json"]
    if board.memory:
        command += ["--memory", board.name]
    with step(f"simulation of {TOKENS} tokens"):
        done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, check=False,
                              timeout=SIMULATION_TIMEOUT)
    if done.returncode:
        raise TritoneError(f"the simulation failed: {done.stderr.strip()}")
    figures = json.loads(done.stdout)
    return figures["clocks_per_token"]


def speed(board):
    """What the board's model does at the constrained clock."""
    config = board.config
    clocks = simulated_clocks(board)
    figures = {"model": board.model, "clocks_per_token": clocks,
               "tokens_per_second": config.clock_hz / clocks, "how": "simulated clocks"}
    if board.memory:
        peak = board.memory.part.data_bits * board.memory.hz / config.clock_hz  # bits a clock
        words = predict(compile_model(TREE / board.model, config)).words
        figures["share_of_memory_peak"] = words * config.word_bits / clocks / peak
    return figures


def report(board, routed, lut4_a_lane, seconds, versions):
    """The fields of report.json."""
    name, _ = slowest(routed.report)
    return {
        "board": board.name, "title": board.title, "device": board.device,
        "preset": board.config.name, "formats": board.config.formats.name,
        "provenance": "post-route", "utilisation": utilisation(routed.report),
        "clocks": {domain(clock): {"mhz": f["achieved"], "constraint_mhz": f["constraint"]}
                   for clock, f in routed.report["fmax"].items()},
        "slowest_clock": domain(name), "critical_path": critical_path(routed.report),
        "lanes": board.config.lanes, "lut4_a_lane": lut4_a_lane,
        "clock_hz": board.config.clock_hz, "seed": routed.seed, "versions": versions,
        "seconds": seconds, "command": f"make synth BOARD={board.name}", "commit": commit(),
    }


def _use(entry, name):
    used = entry["utilisation"][name]
    return f"{used['used']:,} / {used['available']:,}"


def _clock(entry, name):
    """Reached / demanded."""
    if name not in entry["clocks"]:
        return ""
    clock = entry["clocks"][name]
    return f"{clock['mhz']:.1f} / {clock['constraint_mhz']:.0f}"


COLUMNS = {
    "board": lambda r: r["title"],
    "preset": lambda r: f"`{r['preset']}`",
    "LUT4": lambda r: _use(r, "LUT4"),
    "FF": lambda r: _use(r, "FF"),
    "EBR": lambda r: _use(r, "EBR"),
    "DSP": lambda r: _use(r, "DSP"),
    "LUTRAM": lambda r: _use(r, "LUTRAM"),
    "MHz of machine": lambda r: _clock(r, "sync"),
    "of memory": lambda r: _clock(r, "mem"),
    "lanes": lambda r: f"{r['lanes']:,}",
    "LUT4 a lane": lambda r: f"{r['lut4_a_lane']:.1f}",
    "clocks a token": lambda r: f"{r['speed']['clocks_per_token']:,.0f}",
    "tokens/s": lambda r: f"{r['speed']['tokens_per_second']:,.0f}",
    "of the memory's peak": lambda r: f"{r['speed']['share_of_memory_peak']:.0%}"
                            if "share_of_memory_peak" in r["speed"] else "",
    "seed": lambda r: str(r["seed"]),
    "commit": lambda r: r["commit"],
    "how": lambda r: r["provenance"],
}


def table(columns, entries):
    """Markdown: a row an entry, a column for each {title: function of the entry}."""
    rows = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    rows += ["| " + " | ".join(cell(entry) for cell in columns.values()) + " |"
             for entry in entries]
    return "\n".join(rows)
