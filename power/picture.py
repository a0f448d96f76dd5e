"""The picture of an estimate: watts of the board's parts and of the machine's boxes."""

from .design import AROUND, CONVERSION
from .estimate import engineering

COLOURS = {"routing": "#4477aa", "gates": "#66ccee", "registers": "#228833", "clock": "#ccbb44",
           "memories": "#aa3377", "multipliers": "#ee6677", "other": "#999999"}
GROUP = {"routing": "routing", "gate_routing": "routing", "lut": "gates", "carry": "gates",
         "register": "registers", "clock": "clock", "ebr": "memories", "lutram_write": "memories",
         "dsp": "multipliers"}
LEAST = 0.01  # of the machine; smaller boxes are drawn together


def merged(blocks, least):
    """Blocks of at least `least` watts, and the sum of the others."""
    large = [b for b in blocks if b["typical"] >= least]
    small = [b for b in blocks if b["typical"] < least]
    if small:
        sums = {k: sum(b[k] for b in small) for k in ("low", "typical", "high")}
        large.append({"block": f"{len(small)} smaller", "kinds": {"": sums["typical"]}, **sums})
    return large


def groups(block):
    """{group: watts} of a block, in the order of the legend; a loss has no group of its own."""
    parts = dict.fromkeys(COLOURS, 0.0)
    for kind, drawn in block["kinds"].items():
        parts["other" if block["block"] == CONVERSION else GROUP.get(kind, "other")] += drawn
    return parts


def machine(figures, blocks):
    """The boxes of the machine as one block."""
    kinds = {}
    for block in blocks:
        for kind, drawn in block["kinds"].items():
            kinds[kind] = kinds.get(kind, 0.0) + drawn
    return {"block": "the machine", "kinds": kinds, **figures["watts"]["machine"]}


def bars(axes, blocks, title):
    """A bar a block, divided by what draws, and a whisker from low to high."""
    for row, block in enumerate(blocks):
        left = 0.0
        for group, drawn in groups(block).items():
            axes.barh(row, drawn, left=left, height=0.62, color=COLOURS[group],
                      edgecolor="white", linewidth=0.4)
            left += drawn
        axes.errorbar(block["typical"], row, fmt="none", ecolor="#222222", capsize=3, elinewidth=1,
                      xerr=[[block["typical"] - block["low"]], [block["high"] - block["typical"]]])
    axes.set_yticks(range(len(blocks)), [b["block"] for b in blocks])
    axes.set_ylim(len(blocks) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def draw(figures, path):
    """Writes the picture of an estimate to `path`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    inner = [b for b in figures["blocks"] if b["block"] not in AROUND]
    panels = {"the board": sorted(
        [machine(figures, inner), *(b for b in figures["blocks"] if b not in inner)],
        key=lambda b: -b["typical"])}
    if len(inner) > 1:  # one block only where the activity was borrowed
        least = LEAST * figures["watts"]["machine"]["typical"]
        panels["the machine, by box: what switches"] = merged(inner, least)
    heights = [len(blocks) for blocks in panels.values()]
    figure, rows = plt.subplots(
        len(panels), 1, figsize=(9, 0.32 * sum(heights) + 1.2 + 0.7 * len(panels)),
        layout="constrained", height_ratios=heights, squeeze=False)
    for axes, (title, blocks) in zip(rows[:, 0], panels.items()):
        bars(axes, blocks, title)
    for group, colour in COLOURS.items():
        axes.barh(0, 0, color=colour, label=group)
    axes.set_xlabel("watts while a text is written; whiskers: 95 % of what the energies allow")
    figure.legend(loc="outside lower center", ncols=len(COLOURS), frameon=False, fontsize=9)
    total, kind = figures["watts"]["board"]["running"], figures["preset"] == "resident"
    figure.suptitle(
        f"{figures['title']}{' resident' * kind}: {engineering(total['typical'], 'W')} "
        f"({engineering(total['low'], 'W')} to {engineering(total['high'], 'W')}), "
        f"{engineering(figures['joules_a_token']['board']['typical'], 'J')} a token\n"
        f"{figures['mark']}", x=0.01, ha="left", fontsize=11, fontweight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
