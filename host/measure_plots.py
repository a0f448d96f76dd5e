"""Pictures of a measurement, as SVG for a page; drawn by matplotlib."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from ..common.counters import COUNTERS

WIDTH = 9.6  # inches
BLUE, GREY, RED, GREEN, YELLOW = "#4477aa", "#bbbbbb", "#cc3311", "#228833", "#ccbb44"
STYLE = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9.5,
         "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
DROPPED = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def new_figure(height, columns=1):
    """A Figure and its axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, columns)
    for one in np.atleast_1d(axes):
        one.grid(color="#e4e4e4", linewidth=0.7)
    return figure, axes


def power(found):
    """Watts over time; passes and idle time shaded."""
    figure, axes = new_figure(3.2)
    t, watts = zip(*found["meter"]["points"])
    axes.plot(t, watts, color=BLUE, linewidth=0.9, zorder=3)
    if found["meter"]["failure"]:
        axes.axvline(t[-1], color=RED, linewidth=1.2, label="the meter failed")
    if found["warm_up"]:
        axes.axvspan(found["warm_up"]["start"], found["warm_up"]["end"], color=YELLOW, alpha=0.3,
                     linewidth=0, label="warm-up")
    if found["idle"]:
        axes.axvspan(*found["idle"], color=GREY, alpha=0.45, linewidth=0, label="idle")
    for number, one in enumerate(found["passes"]):
        axes.axvspan(one["start"], one["end"], color=GREEN, alpha=0.1 + 0.1 * (number % 2),
                     linewidth=0, label="" if number else "passes")
    energy = found["energy"]
    for name, colour, style in ("idle_watts", "#555555", ":"), ("running_watts", RED, "--"):
        if energy[name]:
            axes.axhline(energy[name]["median"], color=colour, linestyle=style, linewidth=1.2,
                         zorder=2, label=f"{name.split('_')[0]}: {energy[name]['median']:.4g} W")
    axes.set_ylim(bottom=0 if min(watts) >= 0 else None)
    axes.set_xlabel("seconds from the start of the warm-up")
    axes.set_ylabel("W")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=9, ncols=6)
    return figure


def rates(found):
    """Tokens/s of each pass by this computer's clock: prompt and generation, which needs two
    tokens."""
    passes = found["passes"]
    drawn = {"generation": [_rate(p["tokens"] - 1, p["end"] - p["first"]) for p in passes],
             "prompt": [_rate(p["prompt"], p["first"] - p["start"]) for p in passes]}
    drawn = {name: values for name, values in drawn.items() if any(values)}
    figure, both = new_figure(2.8, len(drawn))
    both = np.atleast_1d(both)
    numbers = range(1, len(passes) + 1)
    for axes, (name, values) in zip(both, drawn.items()):
        axes.bar(numbers, values, color=BLUE, width=0.62)
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel("pass")
        axes.set_xticks(numbers if len(passes) <= 20 else [1, len(passes)])
        axes.set_xlim(0.4, max(len(passes), 6) + 0.6)  # a single bar stays a bar
    both[0].set_ylabel("tokens/s")
    return figure


def _rate(count, seconds):
    return count / seconds if seconds > 0 else 0.0


def latencies(found):
    """How often so many seconds passed between two tokens, over all passes."""
    figure, axes = new_figure(2.8)
    counts = {}
    for one in found["passes"]:
        for least, below, count in one["gaps"]:
            counts[least, below] = counts.get((least, below), 0) + count
    for (least, below), count in sorted(counts.items()):
        axes.bar(least, count, width=below - least, align="edge", color=BLUE, edgecolor="white",
                 linewidth=0.4)
    axes.set_xscale("log")
    axes.set_xlim(min(counts)[0] / 1.6, max(counts)[1] * 1.6)  # room for one tick at least
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter("s"))
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, 2 * max(counts.values()))
    axes.set_xlabel("time between two tokens, as this computer saw them")
    axes.set_ylabel("tokens (logarithmic)")
    return figure


def boxes(found):
    """Share of the clocks in which each box worked or waited."""
    figure, axes = new_figure(2.9)
    names = list(found["boxes"])
    shares = [100 * found["boxes"][name] for name in names]
    waits = [name.endswith("_stall") or "wait" in name for name in names]
    axes.barh(range(len(names)), shares, color=[RED if wait else BLUE for wait in waits],
              height=0.65)
    for place, share in enumerate(shares):
        axes.text(share + 0.6, place, f"{share:.1f} %", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), [COUNTERS.get(n, n).removeprefix("clocks in which ")
                                        for n in names])
    axes.set_xlim(0, max(100.0, *shares) * 1.06)
    axes.invert_yaxis()
    axes.set_title("clocks in which ...", loc="left", fontsize=10)
    axes.set_xlabel("% of the clocks of the last pass; boxes work at the same time; red: waits")
    return figure


def pictures(found):
    """{name: Figure} of those that the object has data for."""
    drawn = {}
    with matplotlib.rc_context(STYLE):
        if found["meter"] and found["meter"]["points"]:
            drawn["power"] = power(found)
        if found["passes"]:
            drawn["rates"] = rates(found)
        if any(p["gaps"] for p in found["passes"]):
            drawn["latencies"] = latencies(found)
        if found["boxes"]:
            drawn["boxes"] = boxes(found)
    return drawn


def svg(figure, name):
    """The picture as an <svg> element; `name` keeps its ids apart from those of others."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=DROPPED)
    text = out.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg"):], flags=re.S)
    return re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", text)
