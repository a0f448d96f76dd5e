"""What of a netlist has to be counted, and a copy of it in which every net has a known name.

    write_named("placed.json", "named.json")
    probes, fixed = examine("placed.json")

Nothing of a SAIF file says what a net is. So the netlist is written anew with net number 17 as
`n17`, and beside it is kept what a toggle of `n17`, or a clock in which it is 1, means.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from .blocks import block

MACHINE = "tritone"
LOGIC = {"LUT4": "Z", "CCU2C": "S", "TRELLIS_DPR16X4": "DO"}  # their outputs begin with this
CLOCK_PINS = {"TRELLIS_FF": ("CLK",), "TRELLIS_DPR16X4": ("WCK",), "DP16KD": ("CLKA", "CLKB"),
              "MULT18X18D": ("CLK0", "CLK1", "CLK2", "CLK3")}
# What is counted; `gate_routing` is routing of nets that glitch. power/design.py gives each joules.
KINDS = ("lut", "carry", "register", "routing", "gate_routing", "clock", "lutram_write", "ebr",
         "dsp")


@dataclass(frozen=True)
class Probe:
    """`weight` of `kind` in `block` for each toggle of a net, or each clock that it is 1."""

    block: str
    kind: str
    weight: int = 1
    high: bool = False


def is_net(bit):
    """Constants are strings in Yosys' JSON."""
    return isinstance(bit, int)


def driven(cell):
    """(kind or None, bit) of each output of a cell."""
    type_, directions = cell["type"], cell["port_directions"]
    for port, bits in cell["connections"].items():
        if directions[port] != "output":
            continue
        if type_ == "TRELLIS_FF":
            kind = "register"
        elif type_ == "CCU2C" and port == "COUT":
            kind = "carry"
        else:
            kind = "lut" if port.startswith(LOGIC.get(type_, "-")) else None
        yield from ((kind, bit) for bit in bits if is_net(bit))


def is_routed(type_, port, driver):
    """Whether a net reaches this input over the wires between tiles.

    Carries have wires of their own, clocks a tree; a register beside the gate that drives it takes
    its value within the slice.
    """
    if port in CLOCK_PINS.get(type_, ()) or port == "CIN":
        return False
    return not (type_ == "TRELLIS_FF" and port == "DI" and driver == "lut")


def accesses(cell, read):
    """The bits that are 1 in a clock in which a port of a DP16KD works; "1" for one that always
    does. `read` holds the nets that something reads.

    A port that only writes works when it writes. In yosys' ports of 36 bits, A writes the bytes
    that ADA0 to ADA3 name, with WEA and CEA always 1 (sim/ecp5/dp16kd.v).
    """
    wires = cell["connections"]
    for letter in "AB":
        if not is_net(wires.get(f"CLK{letter}", ["0"])[0]):
            continue
        enable, write = wires[f"CE{letter}"][0], wires[f"WE{letter}"][0]
        reads = any(bit in read for port, bits in wires.items()
                    if port.startswith(f"DO{letter}") for bit in bits)
        if not is_net(write) and write == "1":  # a port of 36 bits, whose outputs are those of B
            yield wires[f"AD{letter}0"][0]
        else:
            yield enable if reads else write


class Counted:
    """What is counted: `probes` {bit: [Probe]} and `fixed` {(block, kind): amount a clock}."""

    def __init__(self):
        self.probes, self.fixed = defaultdict(list), Counter()

    def high(self, where, kind, bit):
        """An event of `kind` in each clock in which `bit` is 1."""
        if is_net(bit):
            self.probes[bit].append(Probe(where, kind, high=True))
        elif bit == "1":
            self.fixed[where, kind] += 1


def count_loads(cells, drivers, counted):
    """Sinks of each net as routing of the block that drives it; inputs of multipliers."""
    sinks = Counter()
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "input":
                continue
            for bit in filter(is_net, bits):
                where, kind = drivers.get(bit, (None, None))
                sinks[bit] += is_routed(cell["type"], port, kind)
                if cell["type"] == "MULT18X18D" and port[0] in "AB":
                    counted.probes[bit].append(Probe(block(name), "dsp"))
    for bit, number in sinks.items():
        if bit in drivers and number:
            where, kind = drivers[bit]
            kind = "gate_routing" if kind in ("lut", "carry") else "routing"
            counted.probes[bit].append(Probe(where, kind, number))


def count(cells):
    """What is to be counted of {name: cell}."""
    counted, drivers = Counted(), {}
    read = {bit for cell in cells.values() for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input" for bit in bits}
    for name, cell in cells.items():
        where, type_ = block(name), cell["type"]
        for kind, bit in driven(cell):
            drivers[bit] = where, kind
            if kind:
                counted.probes[bit].append(Probe(where, kind))
        pins = [p for p in CLOCK_PINS.get(type_, ()) if is_net(cell["connections"].get(p, "0")[0])]
        counted.fixed[where, "clock"] += len(pins)
        if type_ == "TRELLIS_DPR16X4":
            counted.high(where, "lutram_write", cell["connections"]["WRE"][0])
        elif type_ == "DP16KD":
            for bit in accesses(cell, read):
                counted.high(where, "ebr", bit)
    count_loads(cells, drivers, counted)
    return counted


def named(machine):
    """{bit: name}: ports keep theirs, other nets are n<bit>."""
    names = {}
    for port, entry in machine["ports"].items():
        for index, bit in enumerate(entry["bits"]):
            names[bit] = port if len(entry["bits"]) == 1 else f"{port}[{index}]"
    inner = {bit for cell in machine["cells"].values() for bits in cell["connections"].values()
             for bit in bits if is_net(bit)} - set(names)
    return names | {bit: f"n{bit}" for bit in sorted(inner)}


def machine_of(path):
    """The machine in a file of Yosys' JSON, without what is no hardware."""
    machine = json.loads(Path(path).read_text())["modules"][MACHINE]
    machine["cells"] = {n: c for n, c in machine["cells"].items() if c["type"] != "$scopeinfo"}
    return machine


def write_named(source, target):
    """Writes the netlist of `source` with cells c0, c1, ... and nets n<bit>, in Yosys' JSON."""
    machine = machine_of(source)
    netnames = {name: {"hide_name": 0, "bits": [bit], "attributes": {}}
                for bit, name in named(machine).items() if name == f"n{bit}"}
    cells = {f"c{n}": cell for n, cell in enumerate(machine["cells"].values())}
    module = {"attributes": {"top": 1}, "ports": machine["ports"], "cells": cells,
              "netnames": netnames}
    Path(target).write_text(json.dumps({"creator": "tritone", "modules": {MACHINE: module}}))


def examine(source):
    """{name of a net: [Probe]} and {(block, kind): amount a clock} of a netlist."""
    machine = machine_of(source)
    counted, names = count(machine["cells"]), named(machine)
    return {names[bit]: probes for bit, probes in counted.probes.items()}, counted.fixed
