"""The command: figures, JSON, and one line for each mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import CONFIG, TAPE
from stand_in import expected
from test_text import byte_level

from tritone.host import driver, generate

MODELS = Path(__file__).parents[2] / "models"
PREDICTION = SimpleNamespace(token=64, prompt=8)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A folder with a tokenizer, whose tape is the stand-in's."""
    byte_level().save(str(tmp_path / "tokenizer.json"))
    tape = SimpleNamespace(image=TAPE, vocabulary=1 << 24, model_id=0)
    monkeypatch.setattr(generate, "compile_tape", lambda folder, config: (tape, PREDICTION))
    return str(tmp_path)


def figures(output):
    return json.loads(output.splitlines()[-1])


def test_json_has_every_figure(model, port, device, capsys):
    arguments = ["--board", port, "--model", model, "--prompt", "the fox", "--tokens", "20",
                 "--temperature", "0.5", "--seed", "12", "--json"]
    assert generate.main(arguments) == 0
    output = capsys.readouterr().out
    assert len(output.splitlines()) == 1
    result = figures(output)
    prompt = byte_level().encode("the fox").ids
    assert result["tokens"] == expected(prompt, 20, temperature=2048, seed=12)[0]
    assert result["prompt_tokens"] == len(prompt)
    assert result["provenance"] == "board" and result["clock_hz"] == CONFIG.clock_hz
    assert result["counters"]["tokens"] == 20
    assert result["clocks_per_token"] == result["counters"]["clocks"] / 20
    assert result["tokens_per_second"] == CONFIG.clock_hz / result["clocks_per_token"]
    assert result["predicted_clocks_per_token"] == PREDICTION.token
    assert result["wall_tokens_per_second"] > 0
    assert (result["seed"], result["temperature"], result["board"]) == (12, 0.5, port)


def test_text_goes_to_stdout_and_figures_to_stderr(model, port, device, capsys):
    assert generate.main(["--board", port, "--model", model, "--prompt", "the fox",
                          "--tokens", "5"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("the fox") and captured.out.endswith("\n")
    assert "5 tokens" in captured.err and "counted by the board" in captured.err


def test_it_stops_at_the_end_of_the_text_when_asked(model, port, capsys):
    prompt = byte_level().encode("the fox").ids
    tokens = expected(prompt, 9)[0]
    Path(model, "config.json").write_text(json.dumps({"eos_token_id": tokens[3]}))
    arguments = ["--board", port, "--model", model, "--prompt", "the fox", "--tokens", "9",
                 "--seed", "0", "--json"]
    assert generate.main(arguments) == 0
    assert figures(capsys.readouterr().out)["tokens"] == tokens
    assert generate.main([*arguments, "--stop"]) == 0
    assert figures(capsys.readouterr().out)["tokens"] == tokens[:4]


def test_temperatures_are_fixed_point():
    codes = [generate.temperature_code(t) for t in (0, 1e-9, 0.5, 1, 15.99999)]
    assert codes == [0, 1, 2048, 4096, 65535]


@pytest.mark.parametrize("arguments, message", [
    (["--board", "/dev/ttyNowhere"], "cannot open port /dev/ttyNowhere"),
    (["--board", "golden", "--model", "absent"], "no model folder absent"),
    (["--prompt", ""], "the prompt has no tokens"),
])
def test_a_mistake_is_one_line(model, capsys, arguments, message):
    defaults = [] if "--model" in arguments else ["--model", model]
    assert generate.main([*arguments, *defaults]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and message in captured.err
    assert len(captured.err.splitlines()) == 1 and not captured.out


@pytest.mark.parametrize("arguments", [
    ["--tokens", "0"], ["--tokens", "-3"], ["--tokens", "many"], ["--temperature", "-0.1"],
    ["--temperature", "16"], ["--temperature", "nan"], ["--seed", "-1"], ["--preset", "huge"],
    ["--seed", str(1 << 64)], ["--nonsense"]])
def test_a_bad_argument_is_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        generate.main(arguments)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith("error: ") and len(error.splitlines()) == 1


def test_a_silent_board_is_one_line(model, silent_port, capsys, monkeypatch):
    monkeypatch.setattr(driver.Board.__init__, "__kwdefaults__",
                        driver.Board.__init__.__kwdefaults__ | {"timeout": 0.05})
    assert generate.main(["--board", silent_port, "--model", model]) == 1
    error = capsys.readouterr().err
    assert f"error: {silent_port}: no answer" in error and len(error.splitlines()) == 1


def test_a_vocabulary_that_is_too_small_is_one_line(model, port, capsys, monkeypatch):
    tape = SimpleNamespace(image=TAPE, vocabulary=2)
    monkeypatch.setattr(generate, "compile_tape", lambda folder, config: (tape, PREDICTION))
    assert generate.main(["--board", port, "--model", model]) == 1
    assert "out of range: the model has 2 tokens" in capsys.readouterr().err


def test_another_models_tokenizer_is_one_line(tmp_path, capsys):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(MODELS / "stories-200k" / name)
    (tmp_path / "tokenizer.json").symlink_to(MODELS / "stories-1m5" / "tokenizer.json")
    assert generate.main(["--board", "golden", "--model", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "tokenizer.json: has 1024 tokens; expected 512" in error
    assert len(error.splitlines()) == 1


def test_ctrl_c_cancels_the_run(model, port, tmp_path):
    (tmp_path / "tape").write_bytes(TAPE)
    program = f"""
import pathlib, signal, sys
from types import SimpleNamespace
from tritone.host import generate
# A test run in a shell's background inherits an ignored Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
image = pathlib.Path({str(tmp_path / "tape")!r}).read_bytes()
tape = SimpleNamespace(image=image, vocabulary=1 << 24)
generate.compile_tape = lambda *_: (tape, SimpleNamespace(token=1, prompt=1))
sys.exit(generate.main(["--board", {port!r}, "--model", {model!r}, "--tokens", "10000000",
                        "--prompt", "fox"]))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout.read(3) == b"fox"  # the prompt is shown, the run begins
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == generate.INTERRUPTED
    assert error.decode().splitlines() == ["interrupted"]
    with driver.Board.open(port, timeout=5) as board:
        assert not board.identify()["running"]


def test_the_file_itself_is_a_command():
    path = Path(generate.__file__)
    ran = subprocess.run([sys.executable, path, "--tokens", "0"], capture_output=True, text=True,
                         env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "error: argument --tokens: 0 is out of range: 1 to 16777215\n"
