"""What is counted of a netlist, on one of nine cells drawn by hand.

    rst -> LUT4 -> FF -> CCU2C -> CCU2C     MULT18X18D     DP16KD     DPR16X4
"""

import json

import pytest

from tritone.power import nets
from tritone.power.blocks import block
from tritone.power.nets import Probe

CLK, RST, OUT, GATE, Q, SUM, CARRY, TOP, RAM, ENABLE, WRITE, P = range(2, 14)
BOX = "accelerator.scale."


def cell(type_, outputs, **connections):
    return {"type": type_, "parameters": {},
            "port_directions": {p: "output" if p in outputs else "input" for p in connections},
            "connections": {p: [b] for p, b in connections.items()}}


CELLS = {
    f"{BOX}gate": cell("LUT4", "Z", A=RST, B=Q, C="0", D="0", Z=GATE),
    f"{BOX}q_TRELLIS_FF_Q": cell("TRELLIS_FF", "Q", CLK=CLK, DI=GATE, LSR=RST, Q=Q),
    f"{BOX}low": cell("CCU2C", ("S0", "COUT"), A0=Q, B0=Q, CIN="0", S0=SUM, COUT=CARRY),
    f"{BOX}high": cell("CCU2C", ("S0", "COUT"), A0=SUM, B0="1", CIN=CARRY, S0=TOP, COUT=OUT),
    f"{BOX}product": cell("MULT18X18D", ("P0",), A0=Q, A1=TOP, B0="0", CLK0=CLK, P0=P),
    "link.builder.store": cell("TRELLIS_DPR16X4", ("DO",), DI=Q, RAD=Q, WAD=P, WCK=CLK, WRE=WRITE,
                               DO=RAM),
    # Port A writes when WEA says so, port B reads with each clock.
    f"{BOX}table": cell("DP16KD", ("DOA0", "DOB0"), CLKA=CLK, CEA="1", WEA=WRITE, DOA0=20,
                        CLKB=CLK, CEB="1", WEB="0", DOB0=ENABLE),
    # 36 bits: WEA stands at 1, and ADA0 enables the byte; B reads when it is enabled.
    f"{BOX}wide": cell("DP16KD", ("DOA0", "DOB0"), CLKA=CLK, CEA="1", WEA="1", ADA0=TOP, DOA0=21,
                       CLKB=CLK, CEB=ENABLE, WEB="0", DOB0=22),
    "accelerator.trit_buffer.user": cell("LUT4", "Z", A=22, B=RAM, C="0", D="0", Z=23),
    "accelerator": {**cell("$scopeinfo", ()), "connections": {}},
}
PORTS = {"clk": {"direction": "input", "bits": [CLK]}, "rst": {"direction": "input", "bits": [RST]},
         "out": {"direction": "output", "bits": [OUT, RAM]}}


@pytest.fixture
def placed(tmp_path):
    path = tmp_path / "placed.json"
    path.write_text(json.dumps({"modules": {
        "DP16KD": {}, "tritone": {"ports": PORTS, "cells": CELLS, "netnames": {}}}}))
    return path


def found(placed, name):
    probes, _ = nets.examine(placed)
    return sorted(probes[name], key=lambda p: p.kind)


def test_a_gate_beside_its_register_is_not_routed(placed):
    assert found(placed, f"n{GATE}") == [Probe("Scale", "lut")]


def test_a_register_is_routed_to_each_of_its_sinks(placed):
    # gate B, low A0 and B0, product A0, store DI and RAD: six; a multiplier's input besides
    assert found(placed, f"n{Q}") == [
        Probe("Scale", "dsp"), Probe("Scale", "register"), Probe("Scale", "routing", 6)]


def test_a_carry_has_a_wire_of_its_own(placed):
    assert found(placed, f"n{CARRY}") == [Probe("Scale", "carry")]


def test_what_a_gate_drives_is_routed_with_its_glitches(placed):
    # product A1 and wide ADA0; port A of `wide` works in the clocks in which ADA0 is 1
    assert found(placed, f"n{TOP}") == [
        Probe("Scale", "dsp"), Probe("Scale", "ebr", 1, high=True),
        Probe("Scale", "gate_routing", 2), Probe("Scale", "lut")]


def test_a_port_keeps_its_name_and_distributed_ram_is_logic(placed):
    assert found(placed, "out[1]") == [Probe("Link", "gate_routing", 1), Probe("Link", "lut")]


def test_block_ram_works_when_it_is_enabled(placed):
    assert Probe("Scale", "ebr", 1, high=True) in found(placed, f"n{ENABLE}")
    assert sorted(found(placed, f"n{WRITE}"), key=lambda p: p.block) == [
        Probe("Link", "lutram_write", 1, high=True), Probe("Scale", "ebr", 1, high=True)]
    _, fixed = nets.examine(placed)
    assert fixed["Scale", "ebr"] == 1  # port B of `table`, always


def test_every_clock_pin_is_counted(placed):
    _, fixed = nets.examine(placed)
    assert {where: n for (where, kind), n in fixed.items() if kind == "clock" and n} == {
        "Scale": 1 + 1 + 2 + 2, "Link": 1}


def test_nothing_is_counted_of_a_net_that_enters_from_outside(placed):
    probes, _ = nets.examine(placed)
    assert "clk" not in probes and "rst" not in probes


def test_the_copy_has_the_same_cells_and_every_net_a_name(placed, tmp_path):
    nets.write_named(placed, tmp_path / "named.json")
    module = json.loads((tmp_path / "named.json").read_text())["modules"]["tritone"]
    assert [c["type"] for c in module["cells"].values()] == [
        c["type"] for c in CELLS.values() if c["type"] != "$scopeinfo"]
    assert module["netnames"][f"n{GATE}"]["bits"] == [GATE]
    assert not {f"n{b}" for b in (CLK, RST, OUT, RAM)} & set(module["netnames"])
    assert module["ports"] == PORTS


@pytest.mark.parametrize("name, box", [
    ("accelerator.array.row_0.adder_LUT4_Z", "TernaryArray"),
    ("accelerator.signatures$357.pairs.sum_0_TRELLIS_FF_Q_9", "Signatures"),
    ("accelerator.scaled_buffer.held_TRELLIS_FF_Q", "between boxes"),
    ("accelerator.scale.queue.level_TRELLIS_FF_Q", "Scale"),
    ("link.control.judge.run_LUT4_Z", "Link"),
    ("memory__writes__ready_LUT4_D", "Link"),
    ("reset_stretched_TRELLIS_FF_Q", "between boxes"),
])
def test_a_cell_belongs_to_the_box_that_its_name_says(name, box):
    assert block(name) == box
