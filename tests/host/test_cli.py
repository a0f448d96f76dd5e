"""The `tritone` command: it finds its commands and loads nothing else."""

import os
import subprocess
import sys
from importlib import import_module

import pytest

from tritone.host import cli


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert callable(import_module(cli.COMMANDS[name][0]).main)
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert "usage: " in capsys.readouterr().out


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, (_, text) in cli.COMMANDS.items():
        assert f"  {name} " in out and text in out
    assert cli.main([]) == 2


def test_an_unknown_command_lists_those_there_are(capsys):
    assert cli.main(["convrt", "x"]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("error: there is no command 'convrt'; there are convert, ")
    assert len(err.splitlines()) == 1
    assert all(name in err for name in cli.COMMANDS)


def test_a_command_gets_its_arguments_and_gives_its_code(monkeypatch):
    monkeypatch.setitem(sys.modules, "stand_in_command", cli)
    monkeypatch.setitem(cli.COMMANDS, "stand-in", ("stand_in_command", ""))
    seen, real = [], cli.main
    monkeypatch.setattr(cli, "main", lambda arguments: seen.append(arguments) or 7)
    assert real(["stand-in", "a", "--b"]) == 7
    assert seen == [["a", "--b"]]


def test_a_reader_that_leaves_is_no_error():
    program = "import sys; from tritone.host import cli; sys.exit(cli.main(['--help']))"
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run([sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE,
                            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                            check=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (1, b"")


def test_only_the_command_that_runs_is_loaded():
    program = ("import sys; from tritone.host import cli\n"
               "cli.main(['--help'])\n"
               "print([m for m in sys.modules if m.split('.')[0] in ('amaranth', 'numpy', 'rich')"
               " or m.startswith('tritone.') and m not in ('tritone.host', 'tritone.host.cli',"
               " 'tritone.common', 'tritone.common.errors')])")
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_packing_loads_no_gateware():
    program = ("import sys; from tritone.host import cli\n"
               "cli.main(['convert', 'nowhere', '-o', 'x'])\n"
               "print([m for m in sys.modules if m.startswith(('amaranth', 'tritone.rtl'))])")
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=True)
    assert result.stdout == "[]\n"
    assert result.stderr.startswith("error: nowhere: there is no such folder")
