"""Draws docs/figures/roofline.png; used by roofline.py."""

from itertools import cycle

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

MARKERS = "os^Dvp"
STATES = {"multiplying": "#228833", "waiting for the memory": "#bbbbbb",
          "waiting for codes": "#ccbb44", "other": "#ee6677"}
INTENSITIES = 0.5, 12  # trits a byte


def draw_roofs(axes, entries):
    """Trits a second over trits a byte: a roof a machine, a point a model."""
    colours = dict(zip(dict.fromkeys(e["machine"] for e in entries), cycle(plt.cm.tab10.colors)))
    models = dict.fromkeys(e["model"] for e in sorted(entries, key=lambda e: e["trits"]))
    markers, drawn = dict(zip(models, cycle(MARKERS))), set()
    for e in entries:
        colour = colours[e["machine"]]
        flat = e["lanes"] * e["clock_hz"]
        if e["machine"] not in drawn:
            drawn.add(e["machine"])
            slope = e["octets_a_clock"] * e["clock_hz"]
            knee = flat / slope if slope else INTENSITIES[0]
            xs = sorted({INTENSITIES[0], min(max(knee, INTENSITIES[0]), INTENSITIES[1]),
                         INTENSITIES[1]})
            ys = [min(flat, x * slope) if slope else flat for x in xs]
            axes.plot(xs, ys, color=colour, linewidth=1.4, label=e["machine"])
        x = e["trits"] / e["octets"] if e["octets"] else INTENSITIES[1] * 0.8
        speed = e["trits"] * e["clock_hz"] / e["clocks"]
        axes.plot(x, speed, markers[e["model"]], color=colour, markersize=6,
                  markeredgecolor="white")
        if not e["octets"]:
            axes.annotate("block RAM,\nno tape", (x, speed), fontsize=7, ha="right", va="top",
                          xytext=(-6, -2), textcoords="offset points")
    for model, marker in markers.items():
        axes.plot([], [], marker, color="#555555", label=model)
    axes.set(xscale="log", yscale="log", xlim=INTENSITIES, xlabel="trits a byte of the tape",
             ylabel="trits a second")
    axes.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=2)


def draw_states(axes, entries):
    """Where the clocks of a token went: a bar an entry."""
    left = [0.0] * len(entries)
    for state, colour in STATES.items():
        widths = [e["states"][state] / e["clocks"] for e in entries]
        axes.barh(range(len(entries)), widths, left=left, color=colour, label=state, height=0.72)
        left = [a + b for a, b in zip(left, widths)]
    axes.set_yticks(range(len(entries)), [f"{e['model']} on {e['machine']}" for e in entries],
                    fontsize=7)
    for n, e in enumerate(entries):
        axes.text(1.01, n, f"{e['share']:.0%}", va="center", fontsize=8)
    axes.text(1.01, -1.1, "share\nreached", va="bottom", fontsize=7)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="of a token's clocks, seen from the array")
    axes.legend(fontsize=7, frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, -0.09))


def draw(entries, path):
    """Both pictures side by side."""
    figure, (roofs, states) = plt.subplots(1, 2, figsize=(13, 6.6), layout="constrained",
                                           width_ratios=(1, 1.1))
    draw_roofs(roofs, entries)
    draw_states(states, entries)
    for axes in roofs, states:
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("What memory and array allow, and what a token takes (simulated)", x=0.01,
                    ha="left", fontweight="bold")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
