"""What is done to the netlist of synth_ecp5 before it is placed, or simulated in its place.

    python -m tritone.rtl.netlist_passes IN.json OUT.json
"""

import json
import sys
from collections import Counter
from pathlib import Path

from . import apart, block_registers, fan_out, netlist_loads

SOURCES = tuple(Path(p.__file__) for p in (
    apart, block_registers, fan_out, netlist_loads))


def improve(source, target):
    """All passes over all modules of a file in yosys' JSON into another, or the same.

    Returns ({type of block: outputs that it registers itself}, copies of registers and gates).
    """
    netlist = json.loads(Path(source).read_text())
    modules = netlist["modules"].values()
    absorbed = sum((Counter(block_registers.absorb(module)) for module in modules), Counter())
    copies = sum(apart.separate(module) for module in modules)
    copies += sum(sum(fan_out.spread(module).values()) for module in modules)
    Path(target).write_text(json.dumps(netlist))
    return absorbed, copies


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tritone.rtl.netlist_passes IN.json OUT.json")
    registered, copies = improve(*sys.argv[1:])
    print(f"outputs registered in {dict(registered)}; {copies} copies of registers and gates")
