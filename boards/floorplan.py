"""Which block RAMs of the die hold which trits of a resident machine.

nextpnr puts each block RAM where one is left when its turn comes. With 200 of 208 taken, the 144
blocks that make up a word of trits end up all over the die, the rows of the array gather in its
middle, and what has to go there leaves no wire for anything else: its router came to a stand with
13,000 wires too many. Here the blocks are given places in the order of the bits that they hold,
from left to right in the lowest rows of block RAM, and each row of the array follows its own. The
multipliers are all above (rows 10, 34 and 58), and so is everything that needs them.
"""

import json
import re

TRITS = re.compile(r"\.decoder\.trits\.words_(\d+)\.0\.(\d+)$")
ROWS = (70, 82, 46, 22)  # of tiles that have the block RAMs, in the order in which they are taken
SIDE = 4  # block RAMs beside each other, two tiles apart
GROUPS = [first + 9 * n for first, count in ((4, 7), (69, 6)) for n in range(count)]
COLUMNS = [(group + 2 * n, n) for group in GROUPS for n in range(SIDE)]
DICE = ("LFE5U-85F", "LFE5UM5G-85F")  # all the above


def sites(count):
    """Names of `count` block RAMs from left to right: rows as a whole, and what is missing from the
    middle of the next."""
    whole, rest = divmod(count, len(COLUMNS))
    if whole + bool(rest) > len(ROWS):
        raise ValueError(f"sites: {count} block RAMs, expected at most {len(ROWS) * len(COLUMNS)}")
    first = (len(COLUMNS) - rest) // 2
    return [f"X{x}/Y{ROWS[row]}/EBR{place}" for n, (x, place) in enumerate(COLUMNS)
            for row in range(whole + (first <= n < first + rest))]


def trits(cells):
    """Names of the blocks of trits, in the order of the last bits that they hold."""
    found = [(int(match[2]), match[1], name) for name, cell in cells.items()
             if cell["type"] == "DP16KD" and (match := TRITS.search(name))]
    wide = {piece: sum(piece == other for _, other, _ in found) for _, piece, _ in found}
    return [name for _, name in sorted(((number + 1) / wide[piece], name)
                                       for number, piece, name in found)]


def arrange(device, netlist):
    """Gives the blocks of trits in a netlist (a file in yosys' JSON) their places on the die of
    `device`; the number of them. Other dice, and machines without, stay as they are."""
    if device not in DICE:
        return 0
    design = json.loads(netlist.read_text())
    count = 0
    for module in design["modules"].values():
        names = trits(module["cells"])
        for name, site in zip(names, sites(len(names)), strict=True):
            module["cells"][name]["attributes"]["BEL"] = site
        count += len(names)
    if count:
        netlist.write_text(json.dumps(design))
    return count
