"""A pass over the netlist of synth_ecp5: registers that boxes in several places load are copied.

A register with the attribute has a copy for each box beside the one that it is in; yosys would make
one register of such copies again. What drives it has to drive all, and does so in the clock before.
"""

from collections import defaultdict

from .fan_out import add_copy, move
from .netlist_loads import first_unused, loads_of

APART = "tritone_apart"
ATTRIBUTES = {APART: 1, "keep": 1}  # of a signal: yosys would leave only one of a net's names


def box_of(cell, register):
    """The part of a cell's name that says which of the boxes beside `register` it belongs to."""
    parts, own = cell.split("."), register.split(".")
    shared = 0
    while shared < len(own) - 1 and shared < len(parts) - 1 and own[shared] == parts[shared]:
        shared += 1
    return parts[shared] if shared < len(parts) - 1 else ""


def separate(module):
    """Copies the registers with the attribute, in a module of yosys' JSON; the number of copies."""
    cells, loads = module["cells"], loads_of(module)
    drivers = {cell["connections"]["Q"][0]: name for name, cell in cells.items()
               if cell["type"] == "TRELLIS_FF"}
    unused = first_unused(module)
    marked = {bit: name for name, net in module["netnames"].items()
              if APART in net.get("attributes", {}) for bit in net["bits"]}
    copies = 0
    for bit in sorted(bit for bit in marked if bit in drivers):
        boxes = defaultdict(list)
        for load in loads[bit]:
            boxes[box_of(load[0], marked[bit]) if load[0] else ""].append(load)
        # One group stays: what is beside the register, or the first.
        for number, box in enumerate(sorted(boxes)[1:], start=1):
            add_copy(module, loads, drivers[bit], f"{drivers[bit]}$apart{number}", unused)
            move(cells, loads, boxes[box], bit, unused)
            unused, copies = unused + 1, copies + 1
    return copies
