"""Runs the shipped models on the virtual board, and puts all results together: `make results`.

    python docs/results.py [--text VALIDATION]

Without a text the bits a byte of the last run are kept. Writes docs/results.json, docs/results.md,
the table of README.md (comparison.py) and docs/figures/token.png.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import comparison
import figures
from tritone.common.config import preset
from tritone.common.origin import commit
from tritone.common.page import marks, write_between
from tritone.model.checkpoint import Checkpoint

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
RUNS = (("stories-1m5", "virtual"), ("stories-1m5", "narrow"), ("stories-200k", "virtual"))
MARKS = marks("results", "make results")
RUN = "host/generate.py --board virtual --preset {1} --model models/{0} --tokens 200 --json"


def run_json(*command):
    """The JSON object that a command of this project prints."""
    result = subprocess.run([sys.executable, *command], cwd=TREE, stdout=subprocess.PIPE,
                            check=True)
    return json.loads(result.stdout)


def collect(model, name, qualities, revision):
    """Figures of one model: a run on the virtual board, and its bits a byte."""
    command = RUN.format(model, name)
    run = run_json(*command.split())
    trits = Checkpoint(TREE / "models" / model).shape.trits
    config = preset(run["preset"])
    floor = trits / (config.lanes * config.memory_rate)
    entry = {"model": model, "trits": trits, "run": run, "command": command, "commit": revision,
             "lanes": config.lanes, "trits_fed": float(config.lanes * config.memory_rate),
             "share_of_memory": float(floor / run["clocks_per_token"])}
    if model in qualities:
        entry["quality"] = qualities[model]
    return entry


def table(results):
    """Markdown: a column a run, how each figure was obtained in the last."""
    rows = ["| model | " + " | ".join(r["model"] for r in results) + " | how |",
            "|---|" + "---|" * (len(results) + 1)]

    def row(name, value, how):
        rows.append(f"| {name} | " + " | ".join(map(value, results)) + f" | {how} |")

    row("preset", lambda r: f"`{r['run']['preset']}`", "")
    row("lanes", lambda r: str(r["lanes"]), "")
    row("trits a clock from memory", lambda r: f"{r['trits_fed']:.0f}", "")
    row("ternary weights", lambda r: f"{r['trits']:,}", "")
    row("clocks a token", lambda r: f"{r['run']['clocks_per_token']:,}", "simulated")
    row("predicted", lambda r: f"{r['run']['predicted_clocks_per_token']:,}", "compiler")
    row("tokens/s at 50 MHz", lambda r: f"{r['run']['tokens_per_second']:,.0f}",
        "simulated clocks at an assumed rate, not yet routed")
    row("share of the memory's trits", lambda r: f"{100 * r['share_of_memory']:.1f} %",
        "simulated; reading the trits alone is 100 %")
    row("the virtual board's own speed, tokens/s",
        lambda r: f"{r['run']['wall_tokens_per_second']:.1f}",
        "wall clock of the two-core machine that ran it")
    row("the same in clocks/s", lambda r: "{:,.0f}".format(
        r["run"]["wall_tokens_per_second"] * r["run"]["clocks_per_token"]), "same")
    if all("quality" in r for r in results):
        for kind, name in (("golden", "integers"), ("reference", "float32")):
            row(f"bits a byte, {name}",
                lambda r: f"{r['quality'][f'{kind}_bits_per_byte']:.4f}",  # noqa: B023
                results[0]["quality"]["text"])
    row("commit", lambda r: r["commit"], "")
    commands = "\n".join(f".venv/bin/python {r['command']}" for r in results)
    return "\n".join([*rows, "", "`make results` runs", "", "```", commands, "```"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", help="validation text for bits a byte (takes minutes)")
    options = parser.parse_args()
    path, revision = HERE / "results.json", commit()
    before = json.loads(path.read_text()) if path.exists() else []
    qualities = {entry["model"]: entry["quality"] for entry in before if "quality" in entry}
    if options.text:
        qualities = {model: run_json("-m", "tritone.model.quality", f"models/{model}",
                                     options.text, "--json") for model in dict(RUNS)}
    results = [collect(*run, qualities, revision) for run in RUNS]
    path.write_text(json.dumps(results, indent=1) + "\n")
    write_between(HERE / "results.md", *MARKS, table(results))
    comparison.write()
    figures.draw(results[0]["run"])


if __name__ == "__main__":
    main()
