"""make program: what it runs and what it says when it cannot."""

import stat

import pytest

from tritone.boards.board import BoardError, board
from tritone.boards.program import main, program

BOARD = board("ulx3s-85f")


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A build folder with a bitstream, and an empty PATH."""
    monkeypatch.setenv("TRITONE_BUILD", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    (tmp_path / BOARD.name).mkdir()
    (tmp_path / BOARD.name / f"{BOARD.name}.bit").write_bytes(b"bits")
    return tmp_path


def loader(folder, status):
    tool = folder / "bin" / "openFPGALoader"
    tool.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\nexit {status}\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


def test_it_calls_the_loader(built):
    loader(built, 0)
    program(BOARD)
    assert (built / "arguments").read_text().split() == [
        "--board", "ulx3s", str(built / BOARD.name / f"{BOARD.name}.bit")]


def test_without_a_bitstream_it_says_how_to_make_one(built):
    (built / BOARD.name / f"{BOARD.name}.bit").unlink()
    with pytest.raises(BoardError, match="make synth BOARD=ulx3s-85f"):
        program(BOARD)


def test_without_the_loader_it_says_what_to_install(built, capsys):
    assert main([BOARD.name]) == 1
    assert capsys.readouterr().err.startswith("error: openFPGALoader is missing; install it with")


def test_a_loader_that_fails_is_an_error(built):
    loader(built, 2)
    with pytest.raises(BoardError, match="openFPGALoader failed with exit code 2"):
        program(BOARD)
