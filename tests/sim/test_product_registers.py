"""rtl/product_registers.py on netlists of one multiplier."""

import copy

import pytest
from tritone.rtl.product_registers import BLOCK, OUTPUTS, REGISTER, absorb

CLOCK, ENABLE, OTHER = 2, 3, 4
PRODUCT, KEPT = 100, 200  # first of the nets


def register(n, **changes):
    cell = {"type": REGISTER, "parameters": {"CLKMUX": "CLK", "CEMUX": "CE", "REGSET": "RESET"},
            "port_directions": {"CLK": "input", "DI": "input", "CE": "input", "LSR": "input",
                                "Q": "output"},
            "connections": {"CLK": [CLOCK], "DI": [PRODUCT + n], "CE": [ENABLE], "LSR": ["0"],
                            "Q": [KEPT + n]}}
    for key, value in changes.items():
        cell["connections" if isinstance(value, list) else "parameters"][key] = value
    return cell


def netlist(bits=20, **changes):
    """A product whose lowest `bits` are kept; the register of bit 7 differs by `changes`."""
    block = {"type": BLOCK, "parameters": {},
             "port_directions": dict.fromkeys(OUTPUTS, "output"),
             "connections": {p: [PRODUCT + n] for n, p in enumerate(OUTPUTS)}}
    cells = {f"q{n}": register(n, **(changes if n == 7 else {})) for n in range(bits)}
    return {"ports": {}, "cells": {"product": block} | cells}


def test_registers_become_that_of_the_block():
    module = netlist()
    assert absorb(module) == 1
    assert list(module["cells"]) == ["product"]
    block = module["cells"]["product"]
    assert [block["connections"][p] for p in OUTPUTS[:20]] == [[KEPT + n] for n in range(20)]
    assert block["connections"]["CLK0"] == [CLOCK] and block["connections"]["CE0"] == [ENABLE]
    assert block["connections"]["RST0"] == ["0"]
    assert block["parameters"]["REG_OUTPUT_CLK"] == "CLK0"


def test_registers_without_an_enable_always_move():
    module = netlist(1)
    module["cells"]["q0"] = register(0, CEMUX="1 ")
    del module["cells"]["q0"]["connections"]["CE"]
    assert absorb(module) == 1
    assert module["cells"]["product"]["connections"]["CE0"] == ["1"]


@pytest.mark.parametrize("changes", [
    {"CE": [OTHER]}, {"CLK": [OTHER]}, {"LSR": [OTHER]}, {"REGSET": "SET"}, {"CLKMUX": "INV"},
    {"CEMUX": "INV"}], ids=str)
def test_what_the_block_cannot_do_stays(changes):
    module = netlist(**changes)
    before = copy.deepcopy(module)
    assert absorb(module) == 0 and module == before


@pytest.mark.parametrize("reader", ["cell", "port"])
def test_a_product_that_is_read_unregistered_stays(reader):
    module = netlist()
    if reader == "port":
        module["ports"]["o"] = {"direction": "output", "bits": [PRODUCT + 3]}
    else:
        module["cells"]["lut"] = {"type": "LUT4", "parameters": {},
                                  "port_directions": {"A": "input"},
                                  "connections": {"A": [PRODUCT + 3]}}
    before = copy.deepcopy(module)
    assert absorb(module) == 0 and module == before


def test_a_product_that_nobody_keeps_stays():
    module = netlist(0)
    assert absorb(module) == 0
