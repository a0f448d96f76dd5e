"""The command: figures and files of whole runs, of broken ones, and what is refused."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import TAPE, Uart
from meter_fakes import FakeMeter, FakeSpec, live
from test_text import byte_level

from tritone.common.config import preset
from tritone.common.counters import COUNTERS
from tritone.host import measure, measurement
from tritone.host.transport import BoardError
from tritone.meters.meter import MeterError, parse_spec
from tritone.meters.recorder import Recorder

MODELS = Path(__file__).parents[2] / "models"
PREDICTION = SimpleNamespace(token=64, prompt=8)
PROMPT = len(byte_level().encode("the fox").ids)
STEPS = 1  # of the prompt's two tokens; the last one samples the first of the text


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A folder with a tokenizer, whose tape is the stand-in's."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    byte_level().save(str(folder / "tokenizer.json"))
    tape = SimpleNamespace(image=TAPE, vocabulary=1 << 24, model_id=0)
    monkeypatch.setattr(measure, "compile_tape", lambda folder, config: (tape, PREDICTION))
    return str(folder)


class FakeBoard:
    """Samples tokens at a pace; `events` is called before each with (pass, token), and at the end
    of a pass with (pass, None)."""

    provenance = "board"

    def __init__(self, pace=0.0, events=lambda number, index: None, first=5):
        self.passes, self._pace, self._events, self._first = 0, pace, events, first
        self.loaded = False

    def load(self, image):
        self.loaded = True

    def run(self, prompt, generate, temperature, seed):
        assert self.loaded
        self.passes += 1
        for index in range(generate):
            self._events(self.passes, index)
            time.sleep(self._pace)
            yield self._first + index

    def counters(self):
        self._events(self.passes, None)
        return dict.fromkeys(COUNTERS, 0) | {"clocks": 640, "tokens": 10, "array_busy": 320}


@pytest.fixture
def fake(monkeypatch, model, tmp_path):
    """A function that measures a FakeBoard: (exit code, run.json or None)."""
    def go(board, meter=None, *arguments, tokens=10, repeats=3):
        @contextlib.contextmanager
        def open_board(options, config, tape):
            yield board

        monkeypatch.setattr(measure, "open_board", open_board)
        monkeypatch.setattr(measure, "board_config", lambda options: preset("tiny"))
        monkeypatch.setattr(measure, "parse_spec", lambda text: meter)
        out = tmp_path / "out"
        status = measure.main([
            "--board", "/dev/fake", "--model", model, "--prompt", "the fox", "--tokens",
            str(tokens), "--repeats", str(repeats), "--out", str(out), "--idle", "0.3",
            *(["--meter", "fake:meter"] if meter else []), *arguments])
        path = out / "run.json"
        return status, json.loads(path.read_text()) if path.exists() else None

    return go


def test_a_board_at_a_serial_port(model, port, device, tmp_path, capsys):
    arguments = ["--board", port, "--model", model, "--prompt", "the fox", "--tokens", "40",
                 "--repeats", "3", "--temperature", "0.5", "--seed", "12", "--out",
                 str(tmp_path / "out")]
    assert measure.main(arguments) == 0
    out = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(found["passes"]) == 3 and found["partial"] is None and found["meter"] is None
    assert found["energy"] is None and found["own_speed"] is None
    assert {p["tokens"] for p in found["passes"]} == {40}
    assert {p["prompt"] for p in found["passes"]} == {PROMPT} == {found["prompt_tokens"]}
    rates = sorted(39 / (p["end"] - p["first"]) for p in found["passes"])
    assert found["wall"]["tokens_per_s"] == pytest.approx(
        dict(zip(("least", "median", "most"), rates)))
    assert found["wall"]["provenance"] == found["counted"]["provenance"] == "measured"
    counters = found["passes"][-1]["counters"]
    assert counters["tokens"] == 40
    assert found["counted"]["clocks_per_token"]["median"] == counters["clocks"] / 40
    assert (found["seed"], found["temperature"], found["board"]) == (12, 0.5, port)
    assert found["command"].startswith("python host/measure.py --board ")
    assert out.splitlines()[0].startswith(f"stand-in on {port} (board, preset tiny): {PROMPT} ")
    assert "generation" in out and out.splitlines()[-1].startswith("written: ")
    assert (tmp_path / "out" / "run.html").read_text().startswith("<!DOCTYPE html>")


def test_a_program_at_a_serial_port_is_not_measured(model, port, tmp_path, capsys):
    link = tmp_path / "ttyUSB0"
    link.symlink_to(port)
    assert measure.main(["--board", str(link), "--model", model, "--tokens", "5", "--out",
                         str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "run.json").read_text())
    assert found["wall"] is None and found["counted"]["provenance"] == "simulated"
    assert "measured" not in capsys.readouterr().out


def test_energy_of_a_load_that_follows_the_passes(fake, capsys):
    """1 W at rest, 3 W in a pass."""
    changes = [(0.0, 1.0)]  # time, watts from then on

    def events(number, index):
        if index in (0, None):
            changes.append((time.monotonic(), 3.0 if index == 0 else 1.0))

    board = FakeBoard(0.004, events)
    meter = FakeMeter(live(lambda t: next(w for since, w in changes[::-1] if since <= t), 0.001))
    status, found = fake(board, FakeSpec(meter), tokens=120)
    energy = found["energy"]
    assert status == 0 and energy["refused"] == [] and meter.closed == 1
    assert energy["provenance"] == "measured" and energy["steps"] == STEPS + 120
    assert energy["idle_watts"]["median"] == pytest.approx(1.0, rel=0.01)
    assert energy["running_watts"]["median"] == pytest.approx(3.0, rel=0.03)
    assert energy["difference_watts"]["median"] == pytest.approx(2.0, rel=0.05)
    seconds = sorted(p["end"] - p["start"] for p in found["passes"])[1]
    assert energy["joules_a_token"]["median"] == pytest.approx(
        3 * seconds / 121, rel=0.03)
    assert energy["joules_a_token_above_idle"]["median"] == pytest.approx(
        2 * seconds / 121, rel=0.03)
    begin, end = found["idle"]
    assert found["warm_up"]["end"] <= begin and end <= found["passes"][0]["start"]
    assert end - begin >= max(0.3, found["warm_up"]["end"] - found["warm_up"]["start"]) * 0.99
    assert found["meter"]["samples"] > 100 and found["meter"]["points"]
    out = capsys.readouterr().out
    for said in ("energy a pass", "a token above idle", "divided by the 121 steps of a pass"):
        assert said in out


def test_energy_from_a_log_that_is_written_meanwhile(fake, tmp_path):
    log, over = tmp_path / "log.csv", threading.Event()

    def write():
        t = time.time()
        with open(log, "a") as file:
            while not over.wait(max(0.0, t - time.time())):
                file.write(f"{t:.6f},5.0,0.5\n")
                file.flush()
                t += 0.003  # also when this computer is busy

    log.write_text(f"time,volts,amperes\n{time.time() - 60},5.0,99\n")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        status, found = fake(FakeBoard(0.01), parse_spec(f"csv:{log}"), tokens=60)
    finally:
        over.set()
        writer.join()
    assert status == 0 and found["energy"]["refused"] == []
    assert found["energy"]["running_watts"]["median"] == pytest.approx(2.5)
    assert found["energy"]["idle_watts"]["median"] == pytest.approx(2.5)
    seconds = sorted(p["end"] - p["start"] for p in found["passes"])[1]
    assert found["energy"]["joules_a_pass"]["median"] == pytest.approx(2.5 * seconds, rel=1e-3)


SUPPLY = """
spec: "1.1"
devices:
  supply:
    eom:
      USB INSTR: {q: "\\n", r: "\\n"}
    error: ERROR
    dialogues:
      - {q: "MEAS:VOLT?", r: "+5.01200000E+00"}
      - {q: "MEAS:CURR?", r: "+2.50000000E-01"}
resources:
  USB0::0x1AB1::0x0E11::DP8C::INSTR: {device: supply}
"""


def test_energy_from_a_supply_over_visa(fake, tmp_path):
    (tmp_path / "bench.yaml").write_text(SUPPLY)
    meter = parse_spec("visa:USB0::0x1AB1::0x0E11::DP8C::INSTR,timeout=30,"
                       f"backend={tmp_path}/bench.yaml@sim")
    status, found = fake(FakeBoard(0.07), meter, tokens=50, repeats=1)
    (one,), energy = found["passes"], found["energy"]
    assert status == 0 and energy["refused"] == [] and found["meter"]["failure"] is None
    assert energy["idle_watts"]["median"] == pytest.approx(1.253, rel=1e-9)
    assert energy["joules_a_token"]["median"] == pytest.approx(
        1.253 * (one["end"] - one["start"]) / (STEPS + 50), rel=1e-6)


def test_an_absent_meter_leaves_the_rest(fake, capsys):
    status, found = fake(FakeBoard(), FakeSpec(error=MeterError("fake:meter: not there")))
    assert status == 1 and len(found["passes"]) == 3 and found["wall"]["tokens_per_s"]
    assert found["energy"]["joules_a_token"] is None and found["partial"] is None
    assert found["energy"]["refused"] == ["fake:meter: not there"]
    assert found["meter"] == {"name": "fake:meter", "failure": "fake:meter: not there",
                              "samples": 0, "points": []}
    out, err = capsys.readouterr()
    assert err == ("fake:meter: not there; the run goes on without energy\n"
                   "error: no energy: fake:meter: not there\n")
    assert "no energy: fake:meter: not there" in out


def test_a_meter_that_stops_in_the_middle_leaves_the_rest(fake, capsys):
    meter = FakeMeter(live(lambda t: 2.0, 0.002, most=60))
    status, found = fake(FakeBoard(0.01), FakeSpec(meter), tokens=40)
    assert status == 1 and len(found["passes"]) == 3 and found["partial"] is None
    assert found["energy"]["refused"] == ["fake:meter: it was unplugged"]
    assert found["energy"]["idle_watts"] is None and found["energy"]["joules_a_token"] is None
    assert found["meter"]["samples"] == 60 and len(found["meter"]["points"]) == 60
    assert "no energy: fake:meter: it was unplugged" in capsys.readouterr().out


def test_a_meter_that_is_too_slow_is_refused_with_numbers(fake, capsys):
    meter = FakeMeter(live(lambda t: 2.0, 0.2))
    status, found = fake(FakeBoard(0.01), FakeSpec(meter), tokens=40)
    assert status == 1 and found["energy"]["joules_a_token"] is None
    assert any("samples in a window of " in why for why in found["energy"]["refused"])
    assert "no energy: pass 1: " in capsys.readouterr().out


def test_a_simulated_board_has_no_measured_energy(fake):
    board = FakeBoard(0.004)
    board.provenance = "simulated"
    status, found = fake(board, FakeSpec(FakeMeter(live(lambda t: 2.0, 0.001))), tokens=50)
    energy, own = found["energy"], found["own_speed"]
    assert status == 0 and energy["running_watts"]["median"] == pytest.approx(2.0)
    assert energy["joules_a_token"] is energy["joules_a_pass"] is None
    assert energy["provenance"] == own["provenance"] == "this computer"
    assert "the meter sees no board" in energy["note"] and "simulator's own" in own["note"]
    assert found["wall"] is None and found["counted"]["provenance"] == "simulated"


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


def never(*_):
    raise AssertionError("something was started")


@pytest.mark.parametrize("arguments, why", [
    (["--model", str(MODELS / "stories-1m5"), "--preset", "tiny"],
     "model too large for preset 'tiny'"),
    (["--model", "absent"], "no model folder absent"),
    (["--model", str(MODELS / "stories-200k"), "--prompt", ""], "the prompt has no tokens"),
    (["--model", str(MODELS / "stories-200k"), "--memory", "nowhere"], "nowhere"),
])
def test_what_does_not_fit_is_refused_before_anything_starts(arguments, why, tmp_path, capsys,
                                                             monkeypatch):
    monkeypatch.setattr(measure, "open_board", never)
    out = tmp_path / "out"
    assert measure.main(["--board", "virtual", "--out", str(out), *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and why in captured.err
    assert len(captured.err.splitlines()) == 1 and not captured.out and not out.exists()


@pytest.mark.parametrize("arguments", [
    ["--tokens", "0"], ["--tokens", str(1 << 24)], ["--repeats", "0"], ["--repeats", "many"],
    ["--idle", "0"], ["--idle", "nan"], ["--meter", "scope:1"], ["--meter", "ppk2:/dev/ttyACM0"],
    ["--preset", "huge"], ["--nonsense"]])
def test_a_bad_argument_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        measure.main(arguments)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith("error: ") and len(error.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_seen_first(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(measure, "open_board", never)
    (tmp_path / "file").touch()
    assert measure.main(["--board", "golden", "--model", model, "--out",
                         str(tmp_path / "file" / "out")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_matplotlib_nothing_is_started(model, capsys, monkeypatch):
    monkeypatch.setattr(measure, "open_board", never)
    monkeypatch.setattr(measure, "find_spec", lambda name: None)
    assert measure.main(["--board", "golden", "--model", model]) == 1
    assert "needs the Python package matplotlib: pip install" in capsys.readouterr().err


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    measure.write_whole(path, "first")
    with pytest.raises(UnicodeEncodeError):
        measure.write_whole(path, "a" * 100_000 + "\udc80")
    assert path.read_text() == "first" and [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_json_is_all_that_is_printed(fake, capsys):
    status, found = fake(FakeBoard(), None, "--json")
    out = capsys.readouterr().out
    assert status == 0 and json.loads(out) == found and len(out.splitlines()) == 1


def run(*arguments):
    return subprocess.run([sys.executable, measure.__file__, *arguments], text=True,
                          capture_output=True, check=False, timeout=120,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})


def test_the_golden_model_from_end_to_end(tmp_path):
    """With a chip of 5 V and 400 mA for a meter: 2 W, whatever happens."""
    chip = tmp_path / "hwmon3"
    chip.mkdir()
    (chip / "in1_input").write_text("5000\n")
    (chip / "curr1_input").write_text("400\n")
    ran = run("--board", "golden", "--model", str(MODELS / "stories-200k"), "--tokens", "200",
              "--repeats", "2", "--idle", "0.5", "--meter", f"hwmon:{chip}", "--out",
              str(tmp_path / "out"))
    assert (ran.returncode, ran.stderr) == (0, "")
    found = json.loads((tmp_path / "out" / "run.json").read_text())
    energy, counted = found["energy"], found["counted"]
    assert energy["refused"] == [] and energy["provenance"] == "this computer"
    assert energy["idle_watts"]["median"] == pytest.approx(2.0, rel=1e-9)
    assert energy["running_watts"]["median"] == pytest.approx(2.0, rel=1e-9)
    assert counted["provenance"] == "predicted" and found["wall"] is None
    assert counted["tokens_per_s"]["median"] == pytest.approx(
        preset("virtual").clock_hz / counted["predicted_clocks_per_token"])
    assert found["text"].startswith(", there was a little girl")
    assert "energy a token" not in ran.stdout and "predicted, " in ran.stdout
    assert "<svg" in (tmp_path / "out" / "run.html").read_text()


def test_the_file_itself_is_a_command():
    ran = run("--tokens", "0")
    assert ran.returncode == 2
    assert ran.stderr == "error: argument --tokens: 0 is out of range: 1 to 16777215\n"
