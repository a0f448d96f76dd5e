"""The table of what was measured, for a terminal and for Markdown."""

import json
from pathlib import Path

from rich.table import Table

from ..compiler.roofline import fastest

MICRO = 1e6
SIMULATED = Path(__file__).resolve().parents[1] / "docs" / "data" / "roofline.json"


def _rate(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def _joules(run):
    joules = run["energy"]["joules_a_token"]
    return "no figure" if joules is None else f"{joules * 1e3:.3g} mJ"


# heading -> text of (result, run)
ROWS = {
    "model": lambda r, run: r["model"],
    "threads": lambda r, run: str(run["threads"]),
    "kernel": lambda r, run: run["kernel"],
    "ternary weights": lambda r, run: f"{r['trits']:,}",
    "tokens/s": lambda r, run: _rate(run["tokens_per_second"]["median"]),
    "tokens/s, best": lambda r, run: _rate(run["tokens_per_second"]["most"]),
    "temperature 0.8": lambda r, run: _rate(run["sampled_tokens_per_second"]["median"]),
    "prompt tokens/s": lambda r, run: _rate(run["prompt_tokens_per_second"]["median"]),
    "latency, µs": lambda r, run: f"{run['latency_seconds']['median'] * MICRO:,.1f}",
    "99 % below": lambda r, run: f"{run['latency_seconds']['percentile_99'] * MICRO:,.1f}",
    "products alone/s": lambda r, run: _rate(run["products_per_second"]["median"]),
    "GB/s of trits": lambda r, run: f"{run['products_bytes_per_second'] / 1e9:.1f}",
    "of reading alone": lambda r, run: f"{run['share_of_read_rate']:.0%}",
    "energy a token": lambda r, run: _joules(run),
    "golden's text": lambda r, run: "yes" if run["text_equals_golden"] else "no",
}


def columns(results):
    """Heading -> the texts of every run of every result."""
    runs = [(result, run) for result in results for run in result["runs"]]
    return {name: [text(*pair) for pair in runs] for name, text in ROWS.items()}


def machine_lines(machine):
    """What the machine is, in a few sentences."""
    caches = ", ".join(f"L{c['level']} {c['type']} {c['size']}" for c in machine["caches"])
    virtual = ", a virtual machine" if machine["virtual_machine"] else ""
    return [f"{machine['processor']} ({machine['architecture']}, family {machine['family']}, "
            f"model {machine['model']}): {machine['usable_cores']} of {machine['cores']} cores"
            f"{virtual}; {', '.join(machine['vectors']) or 'no known vectors'}.",
            f"Caches: {caches or 'unknown'}. {machine['system']}.",
            f"{machine['compiler']}: {' '.join(machine['flags'])}.",
            f"Load of the machine before the run: {machine['load']}."]


def beside(results, path=SIMULATED):
    """A line a model: what the fastest board does, as make roofline has simulated it."""
    best = fastest(json.loads(path.read_text())) if path.exists() else {}
    for result in results:
        if entry := best.get(result["model"]):
            rate = entry["clock_hz"] / entry["clocks"]
            yield (f"Beside it: {result['model']} on {entry['machine']}, {rate:,.0f} tokens/s "
                   "(simulated clocks at the clock that the board is built for, make roofline).")


def terminal(results):
    """A rich Table, a run in each column."""
    head, *rows = columns(results).items()
    table = Table(head[0], *head[1], title="measured on this processor")
    for name, texts in rows:
        table.add_row(name, *texts)
    return table


def markdown(results):
    """The same as Markdown, with the machine and the command of each result."""
    lines = [f"| {name} | {' | '.join(texts)} |" for name, texts in columns(results).items()]
    lines.insert(1, "|---" * (1 + sum(len(r["runs"]) for r in results)) + "|")
    lines += ["", *(f"{line}\\" for line in beside(results))]
    kernels = list(dict.fromkeys(name for r in results for name in r["kernels"]))
    lines += ["", "Kernels on one thread, whole tokens/s:", "",
              f"| model | {' | '.join(kernels)} |", "|---" * (len(kernels) + 1) + "|"]
    lines += ["| {} | {} |".format(r["model"], " | ".join(
        f"{r['kernels'][name]:,.0f}" if name in r["kernels"] else "" for name in kernels))
        for r in results]
    for result in results:
        reasons = {run["energy"]["why"] for run in result["runs"]} - {""}
        lines += ["", f"{result['model']}: {result['provenance']} by `{result['command']}`, commit "
                  f"{result['commit'] or 'unknown'}, on", *machine_lines(result["machine"]),
                  *(f"No energy: {reason}." for reason in sorted(reasons))]
    return "\n".join(lines)
