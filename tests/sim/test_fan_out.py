"""rtl/fan_out.py on netlists of registers and gates at random, and rtl/apart.py on some."""

import copy
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritone.rtl.apart import APART, box_of, separate
from tritone.rtl.fan_out import spread

CLOCK = 2


def cell(kind, **connections):
    output = {"TRELLIS_FF": "Q", "LUT4": "Z"}.get(kind, "O")
    return {"type": kind, "parameters": {"KIND": kind}, "attributes": {},
            "port_directions": {p: "output" if p == output else "input" for p in connections},
            "connections": {p: bits if isinstance(bits, list) else [bits]
                            for p, bits in connections.items()}}


def netlist(cells, **ports):
    return {"ports": {name: {"direction": "output", "bits": bits} for name, bits in ports.items()},
            "cells": cells, "netnames": {"clk": {"bits": [CLOCK]}}}


def loads(module):
    """Of each net, without clocks, resets and ports."""
    return Counter(bit for one in module["cells"].values()
                   for port, bits in one["connections"].items() for bit in bits
                   if one["port_directions"][port] == "input" and port not in ("CLK", "LSR"))


def without_copies(module, mark="copy"):
    """The netlist with each copy's loads given back to the cell that was copied."""
    original = {}
    for name, one in module["cells"].items():
        if found := re.match(rf"(.*?)\${mark}", name):
            before = module["cells"][found[1]]
            for port, bits in one["connections"].items():
                if one["port_directions"][port] == "output":
                    original[bits[0]] = before["connections"][port][0]
    return {name: {**one, "connections": {port: [original.get(bit, bit) for bit in bits]
                                          for port, bits in one["connections"].items()}}
            for name, one in module["cells"].items() if f"${mark}" not in name}


def test_loads_are_shared_out_in_the_order_of_their_names():
    """A register with twenty loads in rows, a gate before it, a port behind it."""
    cells = {"gate": cell("LUT4", A=9, Z=10), "source": cell("TRELLIS_FF", CLK=CLOCK, DI=10, Q=11)}
    cells |= {f"row_{n}.sum": cell("CCU2C", A0=[11]) for n in reversed(range(20))}
    module = netlist(cells, out=[11])
    assert spread(module, 8) == {"source": 2}
    nets = [module["cells"][f"row_{n}.sum"]["connections"]["A0"][0] for n in range(20)]
    copies = [module["cells"][f"source$copy{n}"]["connections"]["Q"][0] for n in (1, 2)]
    assert nets == [11] * 7 + [copies[0]] * 7 + [copies[1]] * 6
    assert module["ports"]["out"]["bits"] == [11]
    assert {bit for n in module["netnames"].values() for bit in n["bits"]} >= set(copies)


def test_a_wide_register_has_a_copy_for_itself():
    """What decides for a register of sixteen bits and for two gates: the gates keep the source."""
    cells = {"source": cell("LUT4", A=9, Z=11)}
    cells |= {f"wide_TRELLIS_FF_Q_{n}": cell("TRELLIS_FF", CLK=CLOCK, CE=11, DI=20 + n, Q=50 + n)
              for n in range(16)}
    cells |= {f"gate_{n}_LUT4_Z": cell("LUT4", A=11, Z=80 + n) for n in range(2)}
    module = netlist(cells)
    assert spread(module, 100) == {"source": 1}
    copied = module["cells"]["source$copy1"]["connections"]["Z"][0]
    assert {module["cells"][name]["connections"]["CE"][0] for name in cells if "wide" in name} == {
        copied}
    gates = [module["cells"][name] for name in cells if "gate" in name]
    assert {gate["connections"]["A"][0] for gate in gates} == {11}


@given(st.integers(1, 12), st.integers(5, 9), st.data())
def test_nothing_but_copies_is_added(drivers, most, draw):
    """Any netlist, with loops: no net has too many loads, and each cell sees what it saw."""
    nets = [100 + n for n in range(drivers)]
    cells = {}
    for n, net in enumerate(nets):
        source = draw.draw(st.sampled_from([*nets, "0"]))
        if draw.draw(st.booleans()):
            cells[f"q{n}"] = cell("TRELLIS_FF", CLK=CLOCK, DI=source, LSR=nets[0], Q=net)
        else:
            cells[f"z{n}"] = cell("LUT4", A=source, B="1", Z=net)
    for n, net in enumerate(draw.draw(st.lists(st.sampled_from(nets), max_size=60))):
        cells[f"sink_{n}"] = cell("DP16KD", ADA=[net, "0", nets[0]], CLKA=CLOCK)
    module = netlist(cells, out=nets)
    before = copy.deepcopy(module)
    copies = spread(module, most)
    assert without_copies(module) == before["cells"]
    assert module["ports"] == before["ports"]
    counts = loads(module)
    assert all(counts[bit] <= most for bit in counts
               if isinstance(bit, int) and bit != CLOCK)
    assert len(module["cells"]) == len(before["cells"]) + sum(copies.values())
    assert spread(module, most) == {}


def test_clocks_and_resets_keep_all_their_loads():
    cells = {name: cell("TRELLIS_FF", CLK=CLOCK, DI="1", Q=net)
             for name, net in (("divided", 5), ("reset", 6))}
    cells |= {f"q{n}": cell("TRELLIS_FF", CLK=5, DI="0", LSR=6, Q=50 + n) for n in range(20)}
    module = netlist(cells)
    assert spread(module, 4) == {}


def test_a_register_has_a_copy_for_each_box_beside_it():
    """Of a box with a marked register, an unmarked one, and boxes in it and elsewhere."""
    users = ["top.results.silu.lane_0.x_LUT4_Z", "top.results.silu.lane_1.x_LUT4_Z",
             "top.results.glu.x_LUT4_Z", "top.sampler.x_LUT4_Z", "top.results.last_LUT4_Z"]
    cells = {name: cell("TRELLIS_FF", CLK=CLOCK, DI=9, Q=net)
             for name, net in (("top.results.held_Q", 11), ("top.results.other_Q", 12))}
    cells |= {name: cell("LUT4", A=11, B=12, Z=50 + n) for n, name in enumerate(users)}
    module = netlist(cells, out=[11])
    module["netnames"] |= {"top.results.held": {"bits": [11], "attributes": {APART: "1"}},
                           "top.results.other": {"bits": [12], "attributes": {}}}
    before = copy.deepcopy(module)
    assert separate(module) == 3
    nets = [module["cells"][name]["connections"]["A"][0] for name in users]
    assert nets[0] == nets[1] and len(set(nets)) == 4 and nets[4] == 11
    assert {module["cells"][name]["connections"]["B"][0] for name in users} == {12}
    assert module["ports"]["out"]["bits"] == [11]
    assert without_copies(module, "apart") == before["cells"]


@pytest.mark.parametrize("load, box", [
    ("top.results.silu.lane_0.x", "silu"), ("top.results.x_LUT4", ""), ("top.sampler.x", "sampler"),
    ("top.result.silu.x", "result"), ("other", "")])
def test_boxes_are_told_apart_by_their_names(load, box):
    assert box_of(load, "top.results.held") == box
