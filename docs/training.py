"""Tables and the figure of docs/training.md, from the measurements in docs/data.

    python docs/training.py

The data come from `python -m tritone.train.benchmark` (step-times.json) and
`python -m tritone.train.scaling` (scaling.json, learning-rates.json), run on a GPU.
"""

import json
import sys
from pathlib import Path
from statistics import mean

import matplotlib
from page import marks, write_between

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from tritone.common.errors import TritoneError  # noqa: E402

HERE = Path(__file__).resolve().parent
PAGE, SCRIPT = HERE / "training.md", "docs/training.py"
NAMES = {"matmul-free": "MatMul-free", "transformer": "Transformer"}
NOISE = 1e-4  # bits a byte between two evaluations of the same weights
COLOURS = {"matmul-free": "#4477aa", "transformer": "#ee6677"}


def load(name):
    return json.loads((HERE / "data" / f"{name}.json").read_text())


def grouped(rows, *keys):
    """Rows by the values of `keys`, in order of appearance."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def step_times(runs):
    """One Markdown table a run of the benchmark."""
    for run in runs:
        parameters = run["variants"][0]["parameters"] / 1e6
        yield (f"{parameters:.0f} M parameters (shape `{run['shape']}`), {run['rows']} x "
               f"{run['context']} tokens a step, {run['activations']}, {run['hardware']}, "
               f"PyTorch {run['torch']}:\n\n"
               "| variant | ms a step | launched one by one | tokens/s | peak GB |\n"
               "|---|---|---|---|---|")
        for row in run["variants"]:
            yield (f"| {row['variant']} | {row['ms']:.1f} | {row['launched_ms']:.1f} "
                   f"| {row['tokens_per_second']:,.0f} | {row['peak_gb']:.1f} |")
        yield ""


def savings(run):
    """What fusing saves, plainly and under torch.compile."""
    by_name = {row["variant"]: row for row in run["variants"]}
    yield "| fusing saves | time | memory |\n|---|---|---|"
    pairs = {"plain PyTorch": ("unfused", "fused"),
             "under torch.compile": ("fused scan, torch.compile", "fused, torch.compile")}
    for what, (slow, fast) in pairs.items():
        time, memory = (1 - by_name[fast][key] / by_name[slow][key] for key in ("ms", "peak_gb"))
        yield f"| {what} | {time:.1%} | {memory:.1%} |"
    yield "| as the paper reports it | 25.6% | 61% |"


def spread(values):
    """Mean (least to largest)."""
    return f"{mean(values):.4f} ({min(values):.4f} to {max(values):.4f})"


def scaling(rows):
    """Validation bits and training loss by size."""
    yield ("| size | parameters | MatMul-free, bits a byte | Transformer, bits a byte | gap "
           "| gap in training, nats a token |\n|---|---|---|---|---|---|")
    for (size,), group in grouped(rows, "size").items():
        ours, theirs = (grouped(group, "architecture")[name,] for name in NAMES)
        bits = [[row["bits_a_byte"] for row in side] for side in (ours, theirs)]
        nats = [mean(row["train_nats"] for row in side) for side in (ours, theirs)]
        parameters = " / ".join(f"{side[0]['parameters']:,}" for side in (ours, theirs))
        yield (f"| {size} | {parameters} | {spread(bits[0])} | {spread(bits[1])} "
               f"| {mean(bits[0]) - mean(bits[1]):.4f} | {nats[0] - nats[1]:.2f} |")


def overfit(rows):
    """Where the end of training is worse on held-out text than a point before it."""
    for (size, architecture), group in grouped(rows, "size", "architecture").items():
        lost = mean(row["bits_a_byte"] - row["best_bits_a_byte"] for row in group)
        if lost > NOISE:
            yield (f"Overfitting: {NAMES[architecture]} at {size} ends {lost:.4f} bits a byte "
                   "above the best of its four evaluations (mean of its seeds); no other does.")


def sweep(rows):
    """Bits a byte of every learning rate and weight decay tried, the best of each group in bold."""
    yield "| size | | weight decay | learning rate: bits a byte |\n|---|---|---|---|"
    for (size, architecture), both in grouped(rows, "size", "architecture").items():
        best = min(row["bits_a_byte"] for row in both)
        for (decay,), group in grouped(both, "weight_decay").items():
            cells = (f"{row['learning_rate']:g}: " + ("**{:.4f}**" if row["bits_a_byte"] == best
                     else "{:.4f}").format(row["bits_a_byte"]) for row in group)
            yield f"| {size} | {NAMES[architecture]} | {decay} | {', '.join(cells)} |"


def draw(rows):
    """docs/figures/scaling.png: held-out and training loss against size."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    shown = (("bits_a_byte", "bits a byte, held out"), ("train_nats", "nats a token, training"))
    for panel, (key, label) in zip(axes, shown):
        for (name,), group in grouped(rows, "architecture").items():
            sizes = grouped(group, "parameters")
            panel.plot([size for size, in sizes], [mean(r[key] for r in g) for g in sizes.values()],
                       color=COLOURS[name], label=NAMES[name])
            panel.plot([row["parameters"] for row in group], [row[key] for row in group], "o",
                       color=COLOURS[name], markersize=4, alpha=0.6)
        panel.set_xscale("log")
        panel.set(xlabel="parameters", ylabel=label)
        panel.legend(frameon=False)
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Equal sizes, data and tokens seen; a dot is a seed, lines join the means")
    figure.savefig(HERE / "figures" / "scaling.png", dpi=110)


def main():
    runs, rows = load("step-times"), load("scaling")
    parts = {"step times": step_times(runs), "savings": savings(runs[0]),
             "scaling": [*scaling(rows), "", *overfit(rows)],
             "rates": sweep(load("learning-rates"))}
    try:
        for name, lines in parts.items():
            write_between(PAGE, *marks(name, SCRIPT), "\n".join(lines).strip())
    except TritoneError as error:
        sys.exit(f"error: {error}")
    draw(rows)


if __name__ == "__main__":
    main()
