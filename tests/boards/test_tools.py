"""What is said when a tool is missing, crashes, hangs, or misses timing."""

import json
import time
from contextlib import nullcontext

import pytest

from tritone.boards import build as build_module
from tritone.boards import flow, tools
from tritone.boards.board import BoardError, board
from tritone.boards.build import build_again
from tritone.boards.build import main as build
from tritone.boards.flow import (
    TimingError,
    critical_path,
    domain,
    gets_nowhere,
    met,
    origin,
    route,
    with_margin,
    without_margin,
)
from tritone.boards.tools import HopelessError, Tool, ToolError, cell_counts, run_tool


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Makes a tool of a Python function body."""
    def make(body):
        lines = "".join(f"    {line}\n" for line in ["import sys, time", *body.splitlines()])
        (tmp_path / "some_tool.py").write_text(f"def run_it(arguments):\n{lines}")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(str(tmp_path))
        return Tool("SomeTool", "some_tool", "run_it")
    return make


def run(tool, folder, timeout=60):
    return run_tool(tool, ["one", "two"], folder / "tool.log", what="a job", timeout=timeout)


def test_a_tool_gets_its_arguments_and_a_log(tool, tmp_path):
    assert run(tool("print(arguments)\nreturn 0"), tmp_path) > 0
    assert (tmp_path / "tool.log").read_text() == "['one', 'two']\n"


def test_a_missing_tool_is_named(tmp_path):
    with pytest.raises(ToolError, match="^SomeTool is missing: python -m pip install"):
        run(Tool("SomeTool", "no_such_package", "run"), tmp_path)


def test_a_crash_shows_the_end_of_the_log(tool, tmp_path):
    broken = tool("for n in range(50): print('line', n)\nprint('ERROR: no such cell')\nreturn 3")
    with pytest.raises(ToolError) as caught:
        run(broken, tmp_path)
    text = str(caught.value)
    assert "SomeTool (a job) failed with exit code 3" in text
    assert "line 43 | line 44" in text and "ERROR: no such cell; all of it:" in text
    assert "line 42" not in text and "\n" not in text


@pytest.mark.parametrize("before, last", [
    ("", "failed with exit code 1: ERROR: lost; all of it: "),
    ("print('said before')", "failed with exit code 1: ERROR: lost | said before; all of it: ")])
def test_a_log_that_a_tool_writes_itself_is_shown(tool, tmp_path, before, last):
    own = tmp_path / "own.log"
    own.write_text("of the run before\n")
    broken = tool(f"{before}\nopen('own.log', 'a').write('ERROR: lost\\n')\nreturn 1")
    with pytest.raises(ToolError) as caught:
        run_tool(broken, [], tmp_path / "tool.log", what="a job", timeout=60, own=own)
    assert last + str(own) in str(caught.value)


def test_a_tool_that_hangs_is_ended(tool, tmp_path):
    begun = time.monotonic()
    with pytest.raises(ToolError, match="had not finished after 2 s: begun"):
        run(tool("print('begun', flush=True)\ntime.sleep(600)"), tmp_path, timeout=2)
    assert time.monotonic() - begun < 30


def test_a_tool_that_gets_nowhere_is_ended(tool, tmp_path):
    begun = time.monotonic()
    with pytest.raises(HopelessError, match=r"SomeTool \(a job\) was ended: it says never"):
        run_tool(tool("print('never', flush=True)\ntime.sleep(600)"), [], tmp_path / "tool.log",
                 what="a job", timeout=60,
                 hopeless=lambda text: f"it says {text.strip()}" if text else "")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("shared, failing, says", [
    (0, [90, 50, *[60] * 149], ""), (0, [90, 50, *[60] * 150], "50 connections are too slow"),
    (2, [0, 9, 90, 50, *[60] * 150], "50 connections are too slow"),
    (0, [90, 5, *[60] * 300], ""), (0, [], "")],
    ids=["in time", "too late", "after sharing", "few left", "not begun"])
def test_a_router_gets_nowhere_or_not(shared, failing, says):
    log = "".join(f"Info: iter={n + 1} wires=9 overused={int(n < shared)} overuse=0 "
                  f"tmgfail={count} archfail=NA\n" for n, count in enumerate(failing))
    assert gets_nowhere(log).startswith(says) and bool(gets_nowhere(log)) == bool(says)


def test_cells_of_a_netlist():
    stat = "   25370 cells\n       77   $scopeinfo\n     2303   CCU2C\n     9826   LUT4\n"
    assert cell_counts(stat) == {"CCU2C": 2303, "LUT4": 9826}


def timing(achieved, path_ns=(0.5, 7.0, 3.9, 1.0)):
    """nextpnr's report of one clock, with a path through a multiplier."""
    cells = ["a.count_TRELLIS_FF_Q_3", "a.count_TRELLIS_FF_Q_3", "m.x_MULT18X18D_A",
             "m.x_MULT18X18D_A", "b.sum_TRELLIS_FF_Q"]
    kinds = ["clk-to-q", "routing", "logic", "routing"]
    return {"fmax": {"$glbnet$sync_clk": {"achieved": achieved, "constraint": 100.0}},
            "critical_paths": [{
                "from": "posedge $glbnet$sync_clk", "to": "posedge $glbnet$sync_clk",
                "path": [{"type": kind, "delay": ns, "from": {"cell": a}, "to": {"cell": b}}
                         for kind, ns, a, b in zip(kinds, path_ns, cells, cells[1:])]}]}


def test_the_critical_path_in_words():
    assert critical_path(timing(80.6)) == (
        "domain sync: 80.6 MHz of 100.0 MHz, 12.40 ns from a.count to b.sum: 1 cells "
        "4.40 ns, routing 8.00 ns")
    assert origin("top.link.x_LUT4_Z_A_CCU2C_S0") == "top.link.x"


def test_timing_is_met_or_not():
    assert met(timing(100.0)) and not met(timing(99.9))


def test_clocks_are_demanded_with_a_margin_and_judged_without():
    lines = 'LOCATE COMP "clk" SITE "G2";\nFREQUENCY PORT "clk25_0__io" 25000000.0 HZ;\n'
    assert with_margin(lines) == lines.replace("25000000.0", "25250000.0")
    demanded = timing(133.4)
    demanded["fmax"]["$glbnet$sync_clk"]["constraint"] = 134.67
    assert not met(demanded) and met(without_margin(demanded))


@pytest.mark.parametrize("clock, name", [
    ("$glbnet$clk", "sync"), ("$glbnet$breaks.board_clk", "board"),
    ("$glbnet$memory.bridge.own_bridge_clk", "mem"), ("$glbnet$pins.mem_pin_clk", "mem_pin")])
def test_clocks_have_the_names_of_their_domains(clock, name):
    assert domain(clock) == name


def test_a_placement_leaves_an_earlier_bitstream_alone(monkeypatch, tmp_path, capsys):
    """`--place` with the board's seed; what does not fit is not placed."""
    placed, cells = [], {"LUT4": 20_000, "TRELLIS_FF": 9_000}
    monkeypatch.setattr(build_module, "write_sources", lambda _board, _folder: None)
    monkeypatch.setattr(build_module, "synthesise", lambda _folder: (cells, 1.0))
    monkeypatch.setattr(build_module, "place",
                        lambda _board, folder, seed: placed.append((folder, seed)) or 2.0)
    (tmp_path / "ulx3s-12f.bit").write_bytes(b"before")
    arguments = ["ulx3s-12f", "--place", "-o", str(tmp_path)]
    assert build([*arguments, "--seed", "7"]) == 0 and placed == [(tmp_path / "placed", 7)]
    assert "20,000 LUT4, 9,000 FF" in capsys.readouterr().out
    cells["LUT4"] = 30_000
    assert build(arguments) == 1 and len(placed) == 1
    assert "30,000 LUT4 of 24,288" in capsys.readouterr().err
    assert (tmp_path / "ulx3s-12f.bit").read_bytes() == b"before"


def test_seeds_are_tried_until_one_meets(monkeypatch):
    rates, tried = {1: 90.0, 2: 101.0, 3: 120.0}, []

    def place_and_route(_board, _folder, seed):
        tried.append(seed)
        return timing(rates[seed]), 1.0

    monkeypatch.setattr(flow, "place_and_route", place_and_route)
    assert route(None, None, [1, 2, 3]).seed == 2 and tried == [1, 2]


def test_missed_timing_names_the_best_seed_and_its_path(monkeypatch):
    from tritone.boards.board import board
    rates = {1: 90.0, 2: 95.0, 3: 93.0}
    monkeypatch.setattr(flow, "place_and_route", lambda _b, _f, seed: (timing(rates[seed]), 1.0))
    with pytest.raises(TimingError) as caught:
        route(board("ulx3s-85f"), None, [1, 2, 3])
    assert str(caught.value).startswith(
        "ULX3S 85F: timing is missed with seeds 1, 2, 3; best with 2: domain sync: "
        "95.0 MHz of 100.0 MHz")


def test_seeds_that_get_nowhere_end_with_a_path(monkeypatch, capsys):
    def place_and_route(_board, _folder, seed, last=False):
        if not last:
            raise HopelessError(f"no way with {seed}")
        return timing(97.0), 1.0

    monkeypatch.setattr(flow, "place_and_route", place_and_route)
    with pytest.raises(TimingError, match="with seeds 4, 5; best with 4: domain sync: 97.0 MHz"):
        route(board("ulx3s-85f"), None, [4, 5])
    assert "seed 5: no way with 5" in capsys.readouterr().err


def test_without_a_placement_the_next_seed_is_tried(monkeypatch, tmp_path, capsys):
    def placer(_tool, arguments, *_, **__):
        seed = arguments[arguments.index("--seed") + 1]
        if seed in "67":
            raise ToolError("ERROR: Unable to find legal placement for cell 'a' of type 'b'")
        (tmp_path / "nextpnr.json").write_text(json.dumps(timing(101.0)))

    monkeypatch.setattr(flow, "run_tool", placer)
    assert route(board("ulx3s-85f"), tmp_path, [6, 8]).seed == 8
    assert "seed 6: Unable to find legal placement for cell 'a'\n" in capsys.readouterr().err
    with pytest.raises(HopelessError, match="^ULX3S 85F: no placement with seeds 6, 7$"):
        route(board("ulx3s-85f"), tmp_path, [6, 7])


@pytest.mark.parametrize("arguments, message", [
    (["ulx4s"], "unknown board 'ulx4s'; known: "),
    (["ulx3s-85f", "--preset", "huge"], "unknown preset 'huge'; known: "),
])
def test_bad_input_is_one_line(capsys, tmp_path, arguments, message):
    assert build([*arguments, "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not (tmp_path / "out").exists()


def test_a_package_that_is_missing_says_how_to_get_it(monkeypatch):
    def missing(name):
        raise tools.PackageNotFoundError(name)
    monkeypatch.setattr(tools, "version", missing)
    with pytest.raises(ToolError, match=r"amaranth is not installed: python -m pip install"):
        tools.versions()


@pytest.mark.parametrize("changed, message", [
    ({}, ""), ({"sha256": "cd"}, "with seed 3 the bitstream has SHA-256 cd; .* has ab"),
    ({"versions": {"amaranth": "2"}}, "was built with {'amaranth': '1'}; here are")])
def test_a_bitstream_that_comes_out_different_is_an_error(tmp_path, monkeypatch, changed, message):
    report = {"seed": 3, "versions": {"amaranth": "1"}, "sha256": "ab"}
    (tmp_path / "report.json").write_text(json.dumps(report))

    def again(_, folder, seeds, simulate):
        assert folder != tmp_path and seeds == [3] and not simulate
        return report | changed

    monkeypatch.setattr("tritone.boards.build.build", again)
    with pytest.raises(BoardError, match=message) if message else nullcontext():
        assert build_again(board("ulx3s-12f"), tmp_path) == report


def test_again_needs_a_first_time(tmp_path, capsys):
    assert build(["ulx3s-12f", "--again", "-o", str(tmp_path)]) == 1
    assert "report.json: build first, without --again" in capsys.readouterr().err
