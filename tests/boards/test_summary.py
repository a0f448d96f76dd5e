"""The table of the boards' figures."""

import json

import pytest

from tritone.boards.report import COLUMNS, table
from tritone.boards.summary import keep, reports, synthesis_reports
from tritone.boards.usplus_synthesis import COLUMNS as VENDOR_COLUMNS
from tritone.common.errors import TritoneError

REPORT = {
    "title": "ULX3S 12F", "preset": "sdram16-compact", "lanes": 40, "lut4_a_lane": 35.88,
    "utilisation": {name: {"used": 1000 + n, "available": 24288}
                    for n, name in enumerate(("LUT4", "FF", "EBR", "DSP", "LUTRAM"))},
    "clocks": {"sync": {"mhz": 101.27, "constraint_mhz": 100.01}},
    "speed": {"clocks_per_token": 70123.5, "tokens_per_second": 1426.05,
              "share_of_memory_peak": 0.987},
    "seed": 3, "commit": "0123456789", "provenance": "post-route"}
ROW = ("| ULX3S 12F | `sdram16-compact` | 1,000 / 24,288 | 1,001 / 24,288 | 1,002 / 24,288 | "
       "1,003 / 24,288 | 1,004 / 24,288 | 101.3 / 100 |  | 40 | 35.9 | 70,124 | 1,426 | 99% | 3 | "
       "0123456789 | post-route |")
SYNTHESIS = {
    "title": "KCU116", "device": "xcku5p-ffvb676-2-e", "preset": "kcu116", "lanes": 320,
    "used": {"LUT6": 101234, "of which RAM": 2345, "FF": 67890, "DSP": 321, "BRAM36": 161.5,
             "URAM": 0},
    "available": {"LUT6": 216960, "FF": 433920, "DSP": 1824, "BRAM36": 480, "URAM": 64},
    "commit": "0123456789+", "provenance": "post-synthesis"}
SYNTHESIS_ROW = ("| KCU116 | xcku5p-ffvb676-2-e | `kcu116` | 320 | 101,234 / 216,960 | 2,345 | "
                 "67,890 / 433,920 | 321 / 1,824 | 161.5 / 480 | 0 / 64 | 0123456789+ | "
                 "post-synthesis |")


def test_a_row_of_what_synthesis_found():
    assert table(VENDOR_COLUMNS, [SYNTHESIS]).splitlines()[2:] == [SYNTHESIS_ROW]


def test_a_row_of_the_table():
    assert table(COLUMNS, [REPORT]).splitlines()[2:] == [ROW]


def test_reports_are_kept_when_the_build_is_gone(tmp_path):
    kept = tmp_path / "kept"
    for name, seed in (("ulx3s-12f", 1), ("icepi-zero", 2), ("ulx3s-12f", 3), ("not-a-board", 4)):
        folder = tmp_path / "build" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps({"seed": seed}))
        keep(tmp_path / "build", kept)
    folder = tmp_path / "build" / "verilog-kcu116"
    folder.mkdir()
    (folder / "synthesis.json").write_text(json.dumps({"preset": "kcu116"}))
    keep(tmp_path / "build", kept)
    keep(tmp_path / "empty", kept)
    assert [r["seed"] for r in reports(kept)] == [2, 3]
    assert synthesis_reports(kept) == [{"preset": "kcu116"}]


def test_without_a_report_there_is_no_table(tmp_path):
    with pytest.raises(TritoneError, match="make synth BOARD="):
        reports(tmp_path)
    with pytest.raises(TritoneError, match="make synth-xilinx BOARD="):
        synthesis_reports(tmp_path)
