"""rtl/block_registers.py on netlists of one multiplier, or of one block RAM."""

import copy

import pytest
from tritone.rtl.block_registers import MEMORY, MULTIPLIER, PRODUCT, REGISTER, absorb

CLOCK, ENABLE, OTHER = 2, 3, 4
NOTHING = {MULTIPLIER: 0, MEMORY: 0}
MADE, KEPT = 100, 200  # first of the nets


def register(n, **changes):
    cell = {"type": REGISTER, "parameters": {"CLKMUX": "CLK", "CEMUX": "CE", "REGSET": "RESET"},
            "port_directions": {"CLK": "input", "DI": "input", "CE": "input", "LSR": "input",
                                "Q": "output"},
            "connections": {"CLK": [CLOCK], "DI": [MADE + n], "CE": [ENABLE], "LSR": ["0"],
                            "Q": [KEPT + n]}}
    for key, value in changes.items():
        cell["connections" if isinstance(value, list) else "parameters"][key] = value
    return cell


def netlist(bits=20, **changes):
    """A product whose lowest `bits` are kept; the register of bit 7 differs by `changes`."""
    block = {"type": MULTIPLIER, "parameters": {},
             "port_directions": dict.fromkeys(PRODUCT, "output"),
             "connections": {p: [MADE + n] for n, p in enumerate(PRODUCT)}}
    cells = {f"q{n}": register(n, **(changes if n == 7 else {})) for n in range(bits)}
    return {"ports": {}, "cells": {"product": block} | cells}


def test_registers_become_that_of_the_block():
    module = netlist()
    assert absorb(module) == {MULTIPLIER: 1, MEMORY: 0}
    assert list(module["cells"]) == ["product"]
    block = module["cells"]["product"]
    assert [block["connections"][p] for p in PRODUCT[:20]] == [[KEPT + n] for n in range(20)]
    assert block["connections"]["CLK0"] == [CLOCK] and block["connections"]["CE0"] == [ENABLE]
    assert block["connections"]["RST0"] == ["0"]
    assert block["parameters"]["REG_OUTPUT_CLK"] == "CLK0"


def test_registers_without_an_enable_always_move():
    module = netlist(1)
    module["cells"]["q0"] = register(0, CEMUX="1 ")
    del module["cells"]["q0"]["connections"]["CE"]
    assert absorb(module) == {MULTIPLIER: 1, MEMORY: 0}
    assert module["cells"]["product"]["connections"]["CE0"] == ["1"]


@pytest.mark.parametrize("changes", [
    {"CE": [OTHER]}, {"CLK": [OTHER]}, {"LSR": [OTHER]}, {"REGSET": "SET"}, {"CLKMUX": "INV"},
    {"CEMUX": "INV"}], ids=str)
def test_what_the_block_cannot_do_stays(changes):
    module = netlist(**changes)
    before = copy.deepcopy(module)
    assert absorb(module) == NOTHING and module == before


@pytest.mark.parametrize("reader", ["cell", "port"])
def test_a_product_that_is_read_unregistered_stays(reader):
    module = netlist()
    if reader == "port":
        module["ports"]["o"] = {"direction": "output", "bits": [MADE + 3]}
    else:
        module["cells"]["lut"] = {"type": "LUT4", "parameters": {},
                                  "port_directions": {"A": "input"},
                                  "connections": {"A": [MADE + 3]}}
    before = copy.deepcopy(module)
    assert absorb(module) == NOTHING and module == before


def test_a_product_that_nobody_keeps_stays():
    module = netlist(0)
    assert absorb(module) == NOTHING


def word(width=18, clock=CLOCK, parameters=(), **nets):
    """A word of 9 bits out of port B of a block RAM, and its register; without an enable."""
    outputs = [f"DOB{n}" for n in range(18)]
    inputs = ("CLKA", "CEA", "RSTA", "CLKB", "CEB", "RSTB", "OCEB")
    block = {"type": MEMORY, "port_directions": dict.fromkeys(outputs, "output")
             | dict.fromkeys(inputs, "input"),
             "parameters": {"DATA_WIDTH_A": f"{18:032b}", "DATA_WIDTH_B": f"{width:032b}",
                            "CLKBMUX": "CLKB"} | dict(parameters),
             "connections": {p: [MADE + n] for n, p in enumerate(outputs)} | {
                 "CLKA": [CLOCK], "CEA": ["1"], "RSTA": ["0"],
                 "CLKB": [CLOCK], "CEB": ["1"], "RSTB": ["0"], "OCEB": ["0"]} | nets}
    registers = {f"q{n}": register(n, CLK=[clock]) for n in range(9)}
    return {"ports": {}, "cells": {"memory": block} | registers}


def test_a_word_is_registered_in_its_block_ram():
    module = word()
    assert absorb(module) == {MULTIPLIER: 0, MEMORY: 1}
    assert list(module["cells"]) == ["memory"]
    block = module["cells"]["memory"]
    assert [block["connections"][f"DOB{n}"] for n in range(9)] == [[KEPT + n] for n in range(9)]
    assert block["connections"]["OCEB"] == [ENABLE]
    assert block["parameters"]["REGMODE_B"] == "OUTREG"
    assert "REGMODE_A" not in block["parameters"]


@pytest.mark.parametrize("changes", [
    {"width": 36}, {"clock": OTHER}, {"CEB": [ENABLE]}, {"RSTB": [OTHER]},
    {"parameters": {"CLKBMUX": "INV"}}, {"parameters": {"REGMODE_B": "OUTREG"}}], ids=str)
def test_what_a_port_of_block_ram_cannot_do_stays(changes):
    module = word(**changes)
    before = copy.deepcopy(module)
    assert absorb(module) == NOTHING and module == before
