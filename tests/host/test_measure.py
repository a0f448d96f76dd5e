"""The command: figures and files of whole runs, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_board import PROMPT, FakeBoard

from tritone.common.config import preset
from tritone.host import measure

MODELS = Path(__file__).parents[2] / "models"


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
