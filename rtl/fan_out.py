"""A pass over the netlist of synth_ecp5: registers and gates with too many loads are copied.

A register cannot be copied before: yosys makes one of several equal ones. Loads are shared out in
the order of their names, so that those of a row or a lane stay together, and nextpnr puts each copy
where its loads are. A wide register or a memory that a net enables, loads or resets gets copies for
itself, so that it does not draw away from their place the few gates that the net decides for, too.
"""

import re
from collections import defaultdict

from .netlist_loads import first_unused, loads_of

COPIED = {"TRELLIS_FF": "Q", "LUT4": "Z"}  # its output
# Ports whose nets stay whole: clocks; resets, of which the 8 flip-flops of a tile may have two, so
# that more of them leave no way to place a machine.
KEPT = {"CLK", "CLKI", "CLKFB", "CLKA", "CLKB", "WCK", "CLK0", "LSR", "RSTA", "RSTB"}
MOST = 72  # loads of a net
WIDE = 12  # loads of one name, whatever its numbers
# What Yosys appends to the name of the signal that a cell drives.
APPENDED = re.compile(r"_(TRELLIS_FF|LUT4|CCU2C|PFUMX|L6MUX21)_.*|\.\d+\.\d+$")


def in_order(load):
    """The key by which row_2 comes before row_10."""
    name, port, place = load
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part)
            for part in re.split(r"(\d+)", name)], port, place


def output_of(cell):
    """The net that a cell of a kind that is copied drives, if any."""
    return cell["connections"].get(COPIED[cell["type"]], [None])[0]


def copied(load):
    """Whether a load may go to a copy: neither in KEPT nor a port of the module."""
    return load[0] is not None and load[1] not in KEPT


def spread(module, most=MOST):
    """Leaves no register and no gate of a module (yosys' JSON) with more than `most` loads but
    those in KEPT and ports; {cell: copies}.

    Copies load what goes into a cell, so a gate or register that drives it may have to be copied,
    too, until none is left. That ends when a cell has fewer inputs than half of `most`.
    """
    cells, loads = module["cells"], loads_of(module)
    drivers = {output_of(cell): name for name, cell in cells.items() if cell["type"] in COPIED}
    unused = first_unused(module)
    copies, waiting = {}, list(drivers.values())
    while waiting:
        name = waiting.pop()
        cell = cells[name]
        net = output_of(cell)
        groups = shared_out(sorted(filter(copied, loads[net]), key=in_order), most)
        if sum(not copied(load) for load in loads[net]) >= WIDE:
            groups.insert(0, [])  # the cell itself is for those
        first = 1 + copies.get(name, 0)
        for number, group in enumerate(groups[1:], start=first):
            add_copy(module, loads, name, f"{name}$copy{number}", unused)
            drivers[unused] = f"{name}$copy{number}"
            move(cells, loads, group, net, unused)
            unused += 1
        if len(groups) > 1:
            copies[name] = first + len(groups) - 2
            waiting += sorted({drivers[bit] for bits in cell["connections"].values()
                               for bit in bits if bit in drivers})
    return copies


def shared_out(loads, most):
    """`loads` in groups: each of a wide signal or of all others, and in as few as `most` allows."""
    by_signal = defaultdict(list)
    for load in loads:
        by_signal[re.sub(r"\d+", "#", APPENDED.sub("", load[0]))].append(load)
    groups = by_signal.values()
    wide = [group for group in groups if len(group) >= WIDE]
    others = [load for group in groups if len(group) < WIDE for load in group]
    return [part for group in (others, *wide) if group for part in equal_parts(group, most)]


def equal_parts(loads, most):
    """`loads` in as few groups as `most` allows, all but the last of one size."""
    groups = -(-len(loads) // most)
    size = -(-len(loads) // groups)
    return [loads[n * size:(n + 1) * size] for n in range(groups)]


def add_copy(module, loads, name, copy, net):
    """Adds a copy of cell `name` that drives `net`."""
    cell = module["cells"][name]
    output = COPIED[cell["type"]]
    module["cells"][copy] = {**cell, "connections": {**cell["connections"], output: [net]}}
    module["netnames"][f"{copy}.{output}"] = {"hide_name": 0, "bits": [net], "attributes": {}}
    for port, bits in cell["connections"].items():
        if port != output:
            loads[bits[0]].append((copy, port, 0))


def move(cells, loads, group, before, after):
    """Gives the loads in `group` of net `before` to net `after`."""
    for name, port, place in group:
        bits = list(cells[name]["connections"][port])
        bits[place] = after
        cells[name]["connections"] = {**cells[name]["connections"], port: bits}
    gone = set(group)
    loads[before] = [load for load in loads[before] if load not in gone]
    loads[after] = list(group)
