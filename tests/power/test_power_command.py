"""`tritone power`: what it prints, keeps and refuses."""

import json
from dataclasses import replace

import pytest
import toy_power as toy

from tritone.host import cli
from tritone.power import activity, calibrate, command, energies, estimate, picture


MODEL = "models/stories-1m5"
USED = {"LUT4": 1000, "FF": 500, "EBR": 10, "DSP": 5}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder with the toy's report and activity as those of two boards, which all commands use;
    the second's machine was not simulated."""
    token = {block: {kind: 1000 * amount for kind, amount in kinds.items()}
             for block, kinds in toy.activity().token.items()}
    wanted = replace(toy.activity(), preset="sdram16", model=MODEL, token=token)
    monkeypatch.setenv("TRITONE_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(estimate, "REPORTS", tmp_path)
    for name, preset in (("ulx3s-85f", "sdram16"), ("icepi-zero", "sdram16-compact")):
        speed = {"model": MODEL, "clocks_per_token": 200, "share_of_memory_peak": 0.5}
        used = {name: {"used": count} for name, count in USED.items()}
        (tmp_path / f"{name}.json").write_text(json.dumps(toy.report(
            board=name, title=name.upper(), preset=preset, speed=speed, commit="abc",
            utilisation=used, clock_hz=100_000_000)))
    monkeypatch.setattr(command, "default_calibration", lambda: tmp_path / "calibration.json")
    for function in (estimate.subject, estimate.estimate, activity.path_of,
                     activity.kept_activity, calibrate.observations):
        defaults = tuple(tmp_path if value == activity.KEPT else value
                         for value in function.__defaults__)
        monkeypatch.setattr(function, "__defaults__", defaults)
    activity.write(wanted, tmp_path)
    return tmp_path


def run(*arguments):
    return cli.main(["power", *map(str, arguments)])


def test_an_estimate_is_marked_and_its_parts_add_up(kept, capsys):
    assert run("estimate", "ulx3s-85f", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    board = figures["watts"]["board"]["running"]
    assert figures["mark"] == "estimated, uncalibrated" and figures["provenance"] == "estimated"
    assert sum(b["typical"] for b in figures["blocks"]) == pytest.approx(board["typical"], rel=1e-3)
    for b in figures["blocks"]:
        assert sum(b["kinds"].values()) == pytest.approx(b["typical"], rel=1e-2)
    machine = [b for b in figures["blocks"] if b["block"] in ("Scale", "Link")]
    assert sum(b["typical"] for b in machine) == pytest.approx(
        figures["watts"]["machine"]["typical"], rel=1e-3)
    assert 0 < board["low"] < board["typical"] < board["high"]
    assert board["typical"] > 1.2 * figures["watts"]["board"]["idle"]["typical"]
    rate = figures["clock_hz"] / figures["clocks_per_token"]
    for name in ("low", "typical", "high"):
        assert figures["joules_a_token"]["board"][name] == pytest.approx(
            board[name] / rate, rel=1e-3)
    assert figures["watts"]["chips"]["running"]["typical"] < board["typical"]


def test_tables_say_what_they_are(kept, capsys):
    assert run("estimate", "ulx3s-85f") == 0
    said = capsys.readouterr().out
    for word in ("ULX3S-85F, estimated, uncalibrated", "a token", "SDRAM", "regulators", "static"):
        assert word in said


def test_a_calibration_changes_the_estimate_and_its_mark(kept, tmp_path, capsys):
    assert run("estimate", "ulx3s-85f", "--json") == 0
    before = json.loads(capsys.readouterr().out)["watts"]["board"]
    idle, running = 1.2 * before["idle"]["typical"], 1.2 * before["running"]["typical"]
    path = tmp_path / "measured.json"
    path.write_text(json.dumps({"board": "/dev/ttyUSB0", "model": "models/stories-1m5", "energy": {
        "provenance": "measured", "idle_watts": {"median": idle},
        "running_watts": {"median": running}}}))
    assert run("calibrate", path, "--board", "ulx3s-85f") == 0
    said = capsys.readouterr().out
    assert "not determined by these runs" in said and "modelled" in said
    assert run("estimate", "ulx3s-85f", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["mark"] == "estimated, calibrated with 1 run"
    watts = figures["watts"]["board"]
    assert watts["running"]["typical"] == pytest.approx(running, rel=0.04)
    assert watts["idle"]["typical"] == pytest.approx(idle, rel=0.04)
    assert watts["running"]["low"] < running < watts["running"]["high"] < running * 1.15
    assert run("estimate", "ulx3s-85f", "--uncalibrated", "--json") == 0
    assert json.loads(capsys.readouterr().out)["mark"] == "estimated, uncalibrated"


def test_a_machine_that_was_not_simulated_borrows_and_says_so(kept, capsys):
    assert run("estimate", "icepi-zero", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["mark"] == "estimated, uncalibrated, activity of sdram16"
    # half of the peak of 16 bits at 133 MHz, 0.8 nJ a beat, beside 80 mW and 2 mW of refreshes
    sdram = next(b for b in figures["blocks"] if b["block"] == "SDRAM")
    assert sdram["typical"] == pytest.approx(
        0.0802 + 0.5 * 133.3e6 * (0.8e-9 + 6e-9 / 512) + 128e3 * 17e-9, rel=0.01)


def test_without_any_activity_the_command_is_named(kept, capsys):
    for path in (kept / "activity").iterdir():
        path.unlink()
    assert run("estimate", "icepi-zero") == 1
    said = capsys.readouterr().err
    assert "tritone power activity --preset sdram16-compact" in said and said.count("\n") == 1


@pytest.mark.parametrize("arguments, says", [
    (("estimate", "ulx4"), "no report of a board 'ulx4'"),
    (("estimate", "ulx3s-85f", "--calibration", "none.json"), "none.json"),
    (("estimate", "ulx3s-85f", "--keep"), "name none"),
    (("estimate", "--picture", "a.png"), "name it"),
    (("estimate", "ulx3s-85f", "--picture", "a.xyz"), "'a.xyz' does not end in .png"),
    (("calibrate", "none.json", "./none.json"), "given twice"),
    (("calibrate", "none.json"), "none.json"),
    (("calibrate", "none.json", "--meter", "3"), "--meter 3.0 must be between 0 and 1"),
    (("activity", "--preset", "huge"), "unknown preset 'huge'"),
    (("activity", "--windows", "1"), "two are the least"),
    (("activity", "--preset", "tiny", "--model", "none"), "none"),
    (("draw",), "invalid choice"),
    ((), "required"),
])
def test_bad_input_gets_one_line(kept, capsys, arguments, says):
    try:
        status = run(*arguments)
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr().err
    assert status in (1, 2) and says in said
    assert len(said.splitlines()) == 1 and said.startswith("error: ")


@pytest.mark.parametrize("text, says", [
    ("{", "expected JSON"), ("[]", "not a report of make synth"),
    ('{"board": "x"}', "it lacks 'clock_hz'")])
def test_a_report_that_is_none_gets_one_line(kept, capsys, text, says):
    (kept / "build" / "ulx3s-85f").mkdir(parents=True)
    (kept / "build" / "ulx3s-85f" / "report.json").write_text(text)
    assert run("estimate", "ulx3s-85f") == 1
    said = capsys.readouterr().err
    assert says in said and "report.json" in said and said.count("\n") == 1


def test_a_package_that_is_missing_is_named(kept, capsys, monkeypatch):
    monkeypatch.setitem(cli.COMMANDS, "power", ("tritone.no_such_module", ""))
    with pytest.raises(ModuleNotFoundError):
        run("estimate")  # ours: a mistake of ours
    monkeypatch.setitem(cli.COMMANDS, "power", ("no_such_package.part", ""))
    assert run("estimate") == 1
    assert "the Python package no_such_package is missing" in capsys.readouterr().err


def test_a_bar_is_as_long_as_its_block_and_losses_are_grey():
    block = {"block": "Scale", "kinds": {"lut": 1.0, "carry": 2.0, "ebr": 4.0, "standby": 8.0}}
    drawn = {k: v for k, v in picture.groups(block).items() if v}
    assert drawn == {"gates": 3.0, "memories": 4.0, "other": 8.0}
    assert picture.groups(block | {"block": "regulators"})["other"] == 15.0


def test_small_blocks_are_drawn_together():
    blocks = [{"block": n, "low": w / 2, "typical": w, "high": 2 * w, "kinds": {}}
              for n, w in (("a", 4.0), ("b", 0.1), ("c", 0.2))]
    drawn = picture.merged(blocks, 0.5)
    assert [b["block"] for b in drawn] == ["a", "2 smaller"]
    assert drawn[1]["high"] == pytest.approx(0.6)


@pytest.mark.parametrize("value, said", [
    (2.0, "2 W"), (0.0123, "12.3 mW"), (4.56e-5, "45.6 uW"), (1.2e-9, "1.2 nW"), (0.0, "0 W")])
def test_values_have_prefixes(value, said):
    assert estimate.engineering(value, "W") == said


def test_the_page_has_a_row_for_each_energy():
    rows = energies.markdown(energies.load()).splitlines()
    assert len(rows) == 2 + len(energies.load().values)
    assert any(row.startswith("| pin | 8.2e-11 | 1.6 |") for row in rows)
