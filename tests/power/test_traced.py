"""Toggles that Verilator counts in a machine of four registers, on the virtual board."""

import pytest

from tritone.common.config import preset
from tritone.power.traced import TracedBoard

CONFIG = preset("tiny")
CLOCKS = 160
# The ports of rtl.top.Top; `n` counts clocks, and `busy` keeps them coming.
MACHINE = f"""
module tritone(
    input memory__requests__ready, input [{CONFIG.word_bits - 1}:0] memory__words__payload,
    input memory__words__valid, input memory__writes__ready, input clk, input rst, input uart__rx,
    output uart__tx, output [{CONFIG.address_bits + 7}:0] memory__requests__payload,
    output memory__requests__valid, output memory__words__ready,
    output [{CONFIG.address_bits + CONFIG.word_bits - 1}:0] memory__writes__payload,
    output memory__writes__valid, output busy, output status_ready, output status_error);
  reg [3:0] n = 0;
  wire two = n[1] & ~n[0];
  wire one = 1;
  always @(posedge clk) n <= rst ? 4'd0 : n + 4'd1;
  assign uart__tx = one, memory__words__ready = one, busy = one, status_ready = two;
  assign memory__requests__valid = 0, memory__writes__valid = 0, status_error = 0;
  assign memory__requests__payload = 0, memory__writes__payload = 0;
endmodule
"""


@pytest.fixture(scope="module")
def windows():
    with TracedBoard(CONFIG, None, MACHINE) as board:
        return [board.window(CLOCKS) for _ in range(2)]


def test_a_window_has_the_clocks_that_were_asked_for(windows):
    assert [w.clocks for w in windows] == [CLOCKS, CLOCKS]


@pytest.mark.parametrize("name, toggles, high", [
    ("n[0]", 160, 80), ("n[1]", 80, 80), ("n[2]", 40, 80), ("n[3]", 20, 80), ("two", 80, 40)])
def test_registers_and_gates_toggle_as_often_as_they_do(windows, name, toggles, high):
    for window in windows:  # a window may begin or end beside a change
        assert abs(window.nets[name].toggles - toggles) <= 1
        assert abs(window.nets[name].high - high) <= 8  # half a period of n[3]


@pytest.mark.parametrize("name", ["one", "busy", "status_error"])
def test_what_stands_still_has_no_toggles(windows, name):
    assert [w.nets[name].toggles for w in windows] == [0, 0]


@pytest.mark.parametrize("name", ["one", "busy"])
def test_what_is_always_1_is_so_in_every_window(windows, name):
    for window in windows:
        assert window.nets[name].high >= CLOCKS - 1
