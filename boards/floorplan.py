"""Which block RAM of the die is which of a resident machine's.

nextpnr puts each block RAM where one is left when its turn comes. With 205 of 208 taken, the 144
blocks that make up a word of trits end up all over the die, the rows of the array gather in its
middle, and what has to go there leaves no wire for anything else: the router came to a stand with
13,000 wires too many. Here every block has a place, and the logic follows:

- trits, in the order of the bits that they hold, from left to right in the lower rows of block
  RAM, so that each row of the array is beside its own; the multipliers are all above (rows 10, 34
  and 58), and so is everything that needs them;
- of what is left, the embeddings from the right, all others from the left, box by box.
"""

import json
import re

from ..rtl.fan_out import in_order

TRITS = re.compile(r"\.decoder\.trits\.words_(\d+)\.0\.(\d+)$")
EMBEDDING = re.compile(r"\.decoder\.embedding\.")
# Others, from the left. What is none of these is left to nextpnr.
OTHERS = [re.compile(name) for name in (
    r"^top\.link\.", r"\.results\.state\.", r"\.decoder\.pairs\.", r"\.decoder\.norms\.",
    r"\.sampler\.noise\.")]
ROWS = (70, 82, 46, 22)  # of tiles that have the block RAMs, in the order in which trits take them
SIDE = 4  # block RAMs beside each other, two tiles apart
GROUPS = [first + 9 * n for first, count in ((4, 7), (69, 6)) for n in range(count)]
COLUMNS = [(group + 2 * n, n) for group in GROUPS for n in range(SIDE)]
DICE = ("LFE5U-85F", "LFE5UM5G-85F")  # all the above


def sites(count):
    """Numbers (column, row) of `count` block RAMs from left to right: rows as a whole, and what is
    missing from the middle of the next."""
    whole, rest = divmod(count, len(COLUMNS))
    if whole + bool(rest) > len(ROWS):
        raise ValueError(f"sites: {count} block RAMs, expected at most {len(ROWS) * len(COLUMNS)}")
    first = (len(COLUMNS) - rest) // 2
    return [(column, row) for column in range(len(COLUMNS))
            for row in range(whole + (first <= column < first + rest))]


def site_name(site):
    """What nextpnr calls the block RAM of a (column, row)."""
    (x, place), row = COLUMNS[site[0]], ROWS[site[1]]
    return f"X{x}/Y{row}/EBR{place}"


def trits(names):
    """Those that hold trits, in the order of the last bits that they hold."""
    found = [(int(match[2]), match[1], name) for name in names if (match := TRITS.search(name))]
    wide = {piece: sum(piece == other for _, other, _ in found) for _, piece, _ in found}
    return [name for _, name in sorted(((number + 1) / wide[piece], name)
                                       for number, piece, name in found)]


def matching(names, pattern):
    """Those that a pattern is found in, row_2 before row_10."""
    return sorted(filter(pattern.search, names), key=lambda name: in_order((name, "", 0)))


def plan(names):
    """{block RAM: (column, row)} of the blocks of a resident machine; {} of another one."""
    below = trits(names)
    if not below:
        return {}
    places = dict(zip(below, sites(len(below)), strict=True))
    right = matching(names, EMBEDDING)
    left = [name for pattern in OTHERS for name in matching(names, pattern)]
    # From above to below; what remains free is at the left end of the lowest row that has any.
    free = [(column, row) for row in reversed(range(len(ROWS))) for column in range(len(COLUMNS))
            if (column, row) not in set(places.values())]
    spare = len(free) - len(left) - len(right)
    if spare < 0:
        raise ValueError(f"plan: {len(names)} block RAMs, expected at most "
                         f"{len(ROWS) * len(COLUMNS)}")
    lowest = [site for site in free if site[1] == free[-1][1]][:spare]
    free = [site for site in free if site not in lowest]
    free.sort(key=lambda site: (site[0], -site[1]))
    places |= dict(zip(left, free))
    free.sort(key=lambda site: (-site[0], -site[1]))
    return places | dict(zip(right, free))


def arrange(device, netlist):
    """Gives the block RAMs of a resident machine in a netlist (a file in yosys' JSON) their places
    on the die of `device`; the number of them. Other dice and machines stay as they are."""
    if device not in DICE:
        return 0
    design = json.loads(netlist.read_text())
    count = 0
    for module in design["modules"].values():
        cells = module["cells"]
        places = plan([name for name, cell in cells.items() if cell["type"] == "DP16KD"])
        for name, site in places.items():
            cells[name]["attributes"]["BEL"] = site_name(site)
        count += len(places)
    if count:
        netlist.write_text(json.dumps(design))
    return count
