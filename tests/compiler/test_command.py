"""`python -m tritone.compiler`: files that are whole or not there, and errors of one line."""

import json
from pathlib import Path

import pytest
from checkpoints import shape_of, write_checkpoint
from tritone.common.config import TINY, VIRTUAL
from tritone.common.tape import TapeError, check_image
from tritone.compiler.__main__ import main
from tritone.compiler.tape import compile_model


def run(capsys, *arguments):
    status = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_compiles_and_checks(tmp_path, capsys):
    folder, tape = write_checkpoint(tmp_path / "model"), tmp_path / "deep" / "x.tape"
    status, out, _ = run(capsys, folder, "-o", tape, "--json")
    figures = json.loads(out)
    assert status == 0 and figures["bytes"] == tape.stat().st_size
    assert [p.name for p in tape.parent.iterdir()] == ["x.tape"]
    status, out, _ = run(capsys, "--check", tape, "--json")
    assert status == 0 and json.loads(out)["header"] == figures["header"]


@pytest.mark.parametrize("spoil, words", [
    (lambda image: image[:2000], "truncated"),
    (lambda image: b"PK\3\4" + image[4:], "not a tape"),
    (lambda image: image[:50], "begins with 128 bytes"),
    (lambda image: image[:-9] + bytes([image[-9] ^ 1]) + image[-8:], "head section"),
])
def test_damaged_tape_is_named(tmp_path, capsys, spoil, words):
    image = compile_model(write_checkpoint(tmp_path / "model"), VIRTUAL).image
    path = tmp_path / "x.tape"
    path.write_bytes(spoil(image))
    status, _, err = run(capsys, "--check", path)
    assert status == 1 and err.startswith("error: ") and err.count("\n") == 1
    assert words in err and str(path) in err


def test_tape_of_another_array_is_refused(tmp_path):
    image = compile_model(write_checkpoint(tmp_path / "model"), VIRTUAL).image
    with pytest.raises(TapeError, match="8 x 10 trits; preset 'tiny' has 4 x 10"):
        check_image(image, "x.tape", TINY)


def test_model_that_does_not_fit_leaves_no_file(tmp_path, capsys):
    folder = write_checkpoint(tmp_path / "model", shape_of(hidden=80, inner=90))
    status, _, err = run(capsys, folder, "-o", tmp_path / "x.tape", "--preset", "tiny")
    assert status == 1 and "hidden 80 exceeds max_hidden 64" in err
    assert not list(Path(tmp_path).glob("*tape*"))


def test_missing_model_is_named(tmp_path, capsys):
    status, _, err = run(capsys, tmp_path / "none", "-o", tmp_path / "x.tape")
    assert status == 1 and "config.json: missing" in err
