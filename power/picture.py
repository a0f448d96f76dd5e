"""The picture of an estimate: watts of each block, with their ranges."""

from .estimate import engineering

COLOURS = {"routing": "#4477aa", "gates": "#66ccee", "registers": "#228833", "clock": "#aaaa00",
           "memories": "#ccbb44", "multipliers": "#ee6677", "other": "#999999"}
GROUP = {"routing": "routing", "gate_routing": "routing", "lut": "gates", "carry": "gates",
         "register": "registers", "clock": "clock", "ebr": "memories", "lutram_write": "memories",
         "dsp": "multipliers"}
LEAST = 0.004  # of the total; smaller blocks are drawn together


def merged(blocks, least):
    """Blocks of at least `least` watts, and the sum of the others."""
    large = [b for b in blocks if b["typical"] >= least]
    small = [b for b in blocks if b["typical"] < least]
    if small:
        sums = {k: sum(b[k] for b in small) for k in ("low", "typical", "high")}
        large.append({"block": f"{len(small)} smaller", "kinds": {"": sums["typical"]}, **sums})
    return large


def bars(axes, blocks):
    """A bar a block, divided by what draws, and a whisker from low to high."""
    for row, block in enumerate(blocks):
        left, parts = 0.0, dict.fromkeys(COLOURS, 0.0)
        for kind, drawn in block["kinds"].items():
            parts[GROUP.get(kind, "other")] += drawn
        for group, drawn in parts.items():
            axes.barh(row, drawn, left=left, height=0.62, color=COLOURS[group],
                      edgecolor="white", linewidth=0.4)
            left += drawn
        axes.errorbar(block["typical"], row, fmt="none", ecolor="#222222", capsize=3, elinewidth=1,
                      xerr=[[block["typical"] - block["low"]], [block["high"] - block["typical"]]])
    axes.set_yticks(range(len(blocks)), [b["block"] for b in blocks])
    axes.invert_yaxis()


def draw(figures, path):
    """Writes the picture of an estimate to `path`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    board = figures["watts"]["board"]["running"]
    blocks = merged(figures["blocks"], LEAST * board["typical"])
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(blocks) + 1.7), layout="constrained")
    bars(axes, blocks)
    for group, colour in COLOURS.items():
        axes.barh(0, 0, color=colour, label=group)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    axes.set_xlim(left=0)
    axes.set_xlabel("watts while a text is written; whiskers: 95 % of what the energies allow")
    axes.spines[["top", "right"]].set_visible(False)
    kind = " resident" if figures["preset"] == "resident" else ""
    figure.suptitle(
        f"{figures['title']}{kind}: {engineering(board['typical'], 'W')} "
        f"({engineering(board['low'], 'W')} to {engineering(board['high'], 'W')}), "
        f"{engineering(figures['joules_a_token']['board']['typical'], 'J')} a token; "
        f"{figures['mark']}", x=0.01, ha="left", fontsize=11, fontweight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
