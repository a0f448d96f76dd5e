"""The nets of a netlist in yosys' JSON: who reads them, and which number is free."""

from collections import defaultdict


def loads_of(module):
    """{net: [(cell, port, place)]} of the nets that cells read; None as a cell: the module's."""
    found = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for place, bit in enumerate(bits):
                    found[bit].append((name, port, place))
    for name, port in module["ports"].items():
        for place, bit in enumerate(port["bits"]):
            found[bit].append((None, name, place))
    return found


def first_unused(module):
    """The number from which on no net has one."""
    return 1 + max((bit for net in module["netnames"].values() for bit in net["bits"]
                    if isinstance(bit, int)), default=0)
