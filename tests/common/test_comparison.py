"""The table of results: each kind of row from its file, and nothing without a report."""

import json
import runpy
from pathlib import Path

import pytest

from tritone.common.errors import TritoneError

DOCS = Path(__file__).resolve().parents[2] / "docs"
BOARD = {"board": "b", "title": "Board", "command": "make synth BOARD=b", "commit": "c1",
         "speed": {"model": "models/m", "tokens_per_second": 1588.4,
                   "share_of_memory_peak": 0.989}}
RESIDENT = {**BOARD, "board": "r", "title": "Resident",
            "speed": {"model": "models/m", "tokens_per_second": 16022.4}}
ESTIMATE = {"board": "b", "mark": "estimated, uncalibrated", "command": "tritone power estimate b",
            "commit": "c3", "joules_a_token": {
    "board": {"low": 0.0004, "typical": 0.0007, "high": 0.0012}}}
MACHINE = {"machine": "b, r", "boards": ["b", "r"], "model": "m2", "clock_hz": 1000, "clocks": 50.0,
           "bound": "memory", "share": 0.97, "command": "make roofline", "commit": "c4"}
MACHINES = [{**MACHINE, "clocks": 100.0, "machine": "slower"}, MACHINE,
            {**MACHINE, "model": "m", "clocks": 1.0}, {**MACHINE, "boards": [], "clocks": 1.0}]
RUN = {"preset": "p", "model": "m", "wall": {"tokens_per_s": {"median": 801.3}}, "commit": "c5",
       "energy": {"joules_a_token": {"median": 0.00123}}, "partial": None,
       "command": "python host/measure.py"}
PROCESSOR = {"machine": {"processor": "Chip", "usable_cores": 8, "vectors": ["avx2", "vnni"],
                         "load": 2.4},
             "model": "m", "provenance": "measured",
             "command": "tritone bench-cpu", "commit": "c2", "runs": [
                 {"threads": 1, "kernel": "packed", "tokens_per_second": {"median": 4321.0},
                  "energy": {"joules_a_token": 0.0021, "why": ""}},
                 {"threads": 8, "kernel": "bytes", "tokens_per_second": {"median": 99.94},
                  "energy": {"joules_a_token": None, "why": "no meter"}}]}
PEERS = [{"system": "P", "model": "pm", "tokens_per_second": 0.33, "joules_per_token": 0.001,
          "share_of_memory": "89%, of reads", "energy_how": "claimed", "how": "claimed",
          "source": "s", "leaves_out": "all"}]


@pytest.fixture
def rows():
    return runpy.run_path(str(DOCS / "comparison.py"))["rows"]


@pytest.fixture
def data(tmp_path):
    for folder, name, entry in (("boards", "b", BOARD), ("boards", "r", RESIDENT),
                                ("power", "b", ESTIMATE), ("cpu", "x", PROCESSOR),
                                ("measure", "Board at home", RUN)):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.json").write_text(json.dumps(entry))
    (tmp_path / "peers.json").write_text(json.dumps(PEERS))
    (tmp_path / "roofline.json").write_text(json.dumps(MACHINES))
    return tmp_path


def test_every_row_has_its_figures_and_where_they_are_from(rows, data):
    how = "simulated clocks at a post-route clock"
    absent = "the board itself: no hardware ran this"
    assert rows(data) == [
        ("**Tritone**, Board at home, preset `p`", "m", "801", "", "1.23",
         "measured, the link included; energy by a meter", "`python host/measure.py`", "c5", ""),
        ("**Tritone**, Resident, `r`, model in block RAM", "m", "16,022", "", "", how,
         "`make synth BOARD=b`", "c1", absent),
        ("**Tritone**, Board, `b`, model in SDRAM", "m", "1,588", "99%", "0.7 (0.4 to 1.2)",
         f"{how}; energy estimated, uncalibrated",
         "`make synth BOARD=b`, `tritone power estimate b`", "c1, c3", absent),
        ("**Tritone**, `b, r`, model in SDRAM", "m2", "20", "97%", "",
         "simulated clocks at the clock that the board is built for", "`make roofline`", "c4",
         f"{absent}; energy"),
        ("Chip, 8 cores, vnni; one thread, our kernel `packed`", "m", "4,321", "", "2.1",
         "measured", "`tritone bench-cpu`", "c2", ""),
        ("Chip, 8 cores, vnni; 8 threads, our kernel `bytes`", "m", "99.9", "", "", "measured",
         "`tritone bench-cpu`", "c2", "energy: no meter"),
        ("P", "pm", "0.33", "89%, of reads", "1, claimed", "claimed", "s", "", "all")]


def test_a_busy_processors_row_says_so(rows, data):
    busy = PROCESSOR["machine"] | {"load": 2.41}  # of 8 cores
    (data / "cpu" / "x.json").write_text(json.dumps(PROCESSOR | {"machine": busy}))
    assert [row[5] for row in rows(data) if row[0].startswith("Chip")] == \
        ["measured, too low: the machine was busy, load 2.41"] * 2


def test_a_run_on_no_board_has_no_row(rows, data):
    path = data / "measure" / "golden.json"
    path.write_text(json.dumps({**RUN, "wall": None}))
    with pytest.raises(TritoneError, match="measure/golden.json: no measured tokens/s"):
        rows(data)


def test_a_file_that_is_no_json_is_named(rows, data):
    (data / "cpu" / "x.json").write_text("{")
    with pytest.raises(TritoneError, match="x.json: .*; expected JSON"):
        rows(data)


def test_without_a_board_there_is_no_table(rows, data):
    for path in (data / "boards").iterdir():
        path.unlink()
    with pytest.raises(TritoneError, match="no report of a board"):
        rows(data)


def test_the_pages_are_current():
    script = runpy.run_path(str(DOCS / "comparison.py"))
    text = script["table"](script["rows"](script["DATA"]))
    for page in script["PAGES"]:
        assert text in page.read_text(), f"{page.name}: run python docs/comparison.py"
