"""Amounts of windows: toggles times what they mean, means and errors, and the file of them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import toy_power as toy

from tritone.common.config import preset
from tritone.compiler.tape import compile_integers
from tritone.host.driver import Board
from tritone.host.text import load_tokenizer
from tritone.model.integers import integer_model
from tritone.power import activity
from tritone.power.nets import Probe
from tritone.power.saif import Net, Window
from tritone.sim.virtual import VirtualBoard

MODEL = Path(__file__).resolve().parents[2] / "models" / "stories-200k"
PROBES = {"n1": [Probe("Scale", "lut"), Probe("Scale", "routing", 3)],
          "n2": [Probe("Link", "ebr", 2, high=True), Probe("Scale", "lut")]}
FIXED = {("Link", "ebr"): 1, ("Scale", "clock"): 7}
WINDOW = Window(100, {"n1": Net(50, 10), "n2": Net(40, 5), "n9": Net(99, 99)})


def test_a_window_is_added_up_by_block_and_kind():
    assert activity.add_up(WINDOW, PROBES, FIXED) == {
        ("Scale", "lut"): 10 + 5, ("Scale", "routing"): 30, ("Link", "ebr"): 100 + 2 * 40}


def test_a_net_that_is_not_traced_is_named():
    with pytest.raises(activity.ActivityError, match="net n3 is not in the trace"):
        activity.add_up(WINDOW, {"n3": PROBES["n1"]}, FIXED)


@pytest.mark.parametrize("high, busy, fine", [
    (100, True, True), (99, True, True), (98, True, False), (0, True, False),
    (0, False, True), (1, False, False)])
def test_a_window_of_a_machine_that_has_ended_is_refused(high, busy, fine):
    window = Window(100, {"busy": Net(high, 0)})
    if fine:
        assert activity.check_busy(window, busy) is window
    else:
        with pytest.raises(activity.ActivityError, match=f"busy in {high} of 100 clocks"):
            activity.check_busy(window, busy)


def test_the_error_is_that_of_the_mean_of_a_kind():
    windows = [{("a", "lut"): x, ("b", "lut"): 0} for x in (8.0, 10.0, 12.0)]
    assert activity.mean(windows)["a", "lut"] == 10.0
    assert activity.relative_errors(windows) == {"lut": pytest.approx(2 / math.sqrt(3) / 10)}


def test_amounts_are_kept_by_block_without_zeros():
    assert activity.nested({("a", "lut"): 10, ("a", "ebr"): 0, ("b", "lut"): 5}, 4) == {
        "a": {"lut": 2.5}, "b": {"lut": 1.25}}


def test_a_borrowed_activity_is_as_much_for_each_cell_and_clock():
    # twice the LUT4, three times the registers, half the clocks of the toy
    used = {"LUT4": 2000, "FF": 1500, "EBR": 3, "DSP": 0}
    lender = replace(toy.activity(), cells=toy.activity().cells | {"EBR": 6})
    found = activity.borrowed(lender, "other", used, clocks=50, words=4)
    assert found.token == {"the machine": {"lut": 50.0, "gate_routing": 120.0, "ebr": 25.0,
                                           "register": 45.0, "routing": 90.0}}
    assert found.idle == {"the machine": {"register": pytest.approx(0.3)}}
    assert (found.clocked, found.words, found.like) == ({"the machine": 1500}, 4, "toy")


def test_what_was_written_is_read_again(tmp_path):
    wanted = replace(toy.activity(), preset="sdram16", model="models/stories-1m5")
    assert activity.write(wanted, tmp_path) == tmp_path / "activity/sdram16-stories-1m5.json"
    assert activity.kept_activity("sdram16", "elsewhere/stories-1m5", tmp_path) == wanted


def test_a_machine_that_was_not_simulated_is_named_with_the_command(tmp_path):
    with pytest.raises(activity.ActivityError, match="tritone power activity --preset sdram16"):
        activity.kept_activity("sdram16", "models/stories-1m5", tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", '{"preset": "x"}', '{"colour": 1}'])
def test_a_file_that_is_no_activity_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(activity.ActivityError, match="a.json: not an activity"):
        activity.Activity.read(path)


def test_a_run_that_is_of_no_use_is_ended():
    config = preset("tiny")
    tape = compile_integers(integer_model(MODEL, config.formats), config)

    def watch(clocks, busy):
        if busy:
            raise activity.ActivityError("a window of no use")

    with VirtualBoard(config, tape.image) as virtual:
        with pytest.raises(activity.ActivityError, match="of no use"):
            activity.run(watch, virtual.port, None, load_tokenizer(MODEL), tape.vocabulary, 1, 1)
        with Board.open(virtual.port) as board:
            assert not board.identify()["running"]
