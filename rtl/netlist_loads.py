"""Who reads the nets of a netlist in yosys' JSON."""

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
