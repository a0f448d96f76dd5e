"""Runs that end in the middle: what came before is kept."""

import json

import pytest
from conftest import TAPE, Uart
from fake_board import FakeBoard
from meter_fakes import FakeMeter, FakeSpec, live

from tritone.host import measure, measurement
from tritone.host.transport import BoardError
from tritone.meters.recorder import Recorder


def lose(at, error):
    def events(number, index):
        if (number, index) == at:
            raise error
    return events


def test_a_board_lost_in_a_pass_leaves_the_passes_before(fake, capsys, tmp_path):
    status, found = fake(FakeBoard(events=lose((4, 3), BoardError("port is\ngone"))))
    assert status == 1 and len(found["passes"]) == 2 and found["partial"] == "port is gone"
    assert found["wall"]["tokens_per_s"] and found["repeats"] == 3
    out, err = capsys.readouterr()
    assert err == "error: port is gone\n"
    assert "2 of 3 passes" in out and "partial: port is gone" in out
    assert "partial: port is gone" in (tmp_path / "out" / "run.html").read_text()


def test_a_board_lost_while_warming_up_is_a_partial_run_without_figures(fake, capsys):
    status, found = fake(FakeBoard(events=lose((1, 0), BoardError("gone"))))
    assert status == 1 and found["passes"] == [] and found["partial"] == "gone"
    assert found["wall"]["tokens_per_s"] is None and found["warm_up"] is None
    assert capsys.readouterr().err == "error: gone\n"


def test_passes_before_a_loss_keep_their_energy(fake):
    meter = FakeMeter(live(lambda t: 2.0, 0.001))
    board = FakeBoard(0.004, lose((4, 10), BoardError("gone")))
    status, found = fake(board, FakeSpec(meter), tokens=50)
    assert status == 1 and len(found["passes"]) == 2 and found["energy"]["refused"] == []
    assert found["energy"]["running_watts"]["median"] == pytest.approx(2.0)


def test_ctrl_c_leaves_the_passes_before(fake, capsys):
    status, found = fake(FakeBoard(events=lose((3, 1), KeyboardInterrupt())))
    assert status == measure.INTERRUPTED and found["partial"] == "interrupted"
    assert len(found["passes"]) == 1 and capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_while_the_last_samples_are_awaited_leaves_all_passes(fake, capsys, monkeypatch):
    def impatient(self, reach):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "stop", impatient)
    status, found = fake(FakeBoard(), FakeSpec(FakeMeter(live(lambda t: 2.0))))
    assert status == measure.INTERRUPTED and found["partial"] == "interrupted"
    assert len(found["passes"]) == 3 and capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("error, said", [(OSError("no\nspace"), "no space"),
                                         (KeyError("clocks"), "KeyError: 'clocks'")])
def test_any_failure_in_the_middle_leaves_the_passes_before(fake, capsys, error, said):
    status, found = fake(FakeBoard(events=lose((4, 3), error)))
    assert status == 1 and len(found["passes"]) == 2 and found["partial"] == said
    assert capsys.readouterr().err == f"error: {said}\n"


def test_an_early_ctrl_c_with_a_meter_is_one_line(fake, capsys):
    board = FakeBoard(events=lose((1, 3), KeyboardInterrupt()))
    status, found = fake(board, FakeSpec(FakeMeter(live(lambda t: 2.0))))
    assert status == measure.INTERRUPTED and found["passes"] == []
    assert capsys.readouterr().err == "interrupted\n"


def test_other_tokens_from_the_same_prompt_end_the_run(fake, capsys):
    board = FakeBoard()

    def events(number, index):
        board._first = 6 if number == 3 else 5

    board._events = events
    status, found = fake(board)
    assert status == 1 and len(found["passes"]) == 1
    assert "pass 2 gave other tokens than the first" in capsys.readouterr().err


def test_a_serial_board_that_vanishes(model, tmp_path, monkeypatch, capsys):
    uart, run_pass = Uart(), measurement.run_pass

    def vanishing(board, workload, count):
        if len(seen) == 2:
            uart.vanish()
        seen.append(1)
        return run_pass(board, workload, count)

    seen = []
    monkeypatch.setattr(measurement, "run_pass", vanishing)
    with uart.open() as board:
        board.load(TAPE)
    assert measure.main(["--board", uart.port, "--model", model, "--prompt", "the fox", "--tokens",
                         "30", "--out", str(tmp_path / "out")]) == 1
    found = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(found["passes"]) == 1 and uart.port in found["partial"]
    assert len(capsys.readouterr().err.splitlines()) == 1
