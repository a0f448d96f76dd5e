"""Draws the figure of README from a run on the virtual board; used by results.py."""

import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from tritone.common.config import preset  # noqa: E402
from tritone.compiler.clocks import predict  # noqa: E402
from tritone.compiler.tape import compile_model  # noqa: E402

HERE = Path(__file__).parent
BOXES = ["memory", "array", "results", "normaliser", "scalar unit", "quantiser"]
COLOURS = {"candidate": "#4477aa", "forget": "#66ccee", "product": "#228833",
           "residual": "#ccbb44", "logits": "#ee6677", "norm": "#777777", "words": "#bbbbbb"}


def layer_span(intervals):
    """First and last clock of the first layer: its two residual matrices end it."""
    ends = [stop for box, _, stop, what in intervals if box == "array" and what == "residual"]
    return min(start for _, start, _, _ in intervals), ends[1]


def draw_layer(axes, prediction):
    """Which box works when, in the first layer."""
    first, last = layer_span(prediction.intervals)
    for box, start, stop, what in prediction.intervals:
        if start > last:
            continue
        axes.barh(BOXES.index(box), min(stop, last) - start + 1, left=start, height=0.62,
                  color=COLOURS[what], edgecolor="white", linewidth=0.6)
    for what, colour in COLOURS.items():
        if what not in ("logits", "words"):
            axes.barh(0, 0, color=colour, label=what)
    axes.set_yticks(range(len(BOXES)), BOXES)
    axes.invert_yaxis()
    axes.set_xlim(first, last + 200)
    axes.set_xlabel("clock of the token (predicted; the gateware takes exactly these)")
    axes.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.22), frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def draw_story(axes, run):
    text = " ".join(f"{run['prompt']}{run['text']}".replace("<|endoftext|>", " ").split())
    lines = textwrap.wrap(text, 108)[:8]
    axes.text(0, 1, "\n".join(lines), va="top", family="monospace", fontsize=9.2, linespacing=1.5)
    axes.axis("off")


def draw(run):
    """docs/figures/token.png of the object that host/generate.py --json prints."""
    tape = compile_model(HERE.parent / run["model"], preset(run["preset"]))
    figure, (story, layer) = plt.subplots(2, 1, figsize=(11, 5.4), layout="constrained",
                                          height_ratios=(1, 1.25))
    draw_story(story, run)
    draw_layer(layer, predict(tape))
    figure.suptitle(
        f"{Path(run['model']).name} on the gateware, {run['provenance']} clock by clock: "
        f"{run['clocks_per_token']:,} clocks a token, {run['tokens_per_second']:.0f} tokens/s at "
        f"{run['clock_hz'] // 1_000_000} MHz", x=0.01, ha="left", fontweight="bold")
    (HERE / "figures").mkdir(exist_ok=True)
    figure.savefig(HERE / "figures" / "token.png", dpi=130)

