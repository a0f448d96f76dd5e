"""Logs of other instruments."""

import datetime
import time

import pytest

from tritone.meters import csv_log
from tritone.meters.meter import MeterError, parse_spec
from tritone.meters.recorder import Recorder


def samples(meter, tries=4):
    """All samples that there are now."""
    found = []
    while tries:
        if (sample := meter.sample()) is None:
            tries -= 1
        else:
            found.append(sample)
    return found


@pytest.fixture
def log(tmp_path):
    """A function from text to an opened CsvMeter; the file is log.path."""
    opened = []

    def make(text):
        make.path = tmp_path / "log.csv"
        make.path.write_text(text, encoding="utf-8")
        opened.append(parse_spec(f"csv:{make.path}").open())
        return opened[-1]

    yield make
    for meter in opened:
        meter.close()


def soon(seconds):
    """A time of the wall clock, and the same of time.monotonic()."""
    return time.time() + seconds, time.monotonic() + seconds


def test_unix_times_and_a_pair(log):
    wall, t = soon(5)
    (found,) = samples(log(f"time,volts,amperes\n{wall:.6f},5.0,0.25\n"))
    assert found[1:] == (5.0, 0.25, 1.25) and found.t == pytest.approx(t, abs=0.2)


@pytest.mark.parametrize("zone", [datetime.UTC, None,
                                  datetime.timezone(datetime.timedelta(hours=-7, minutes=30))])
def test_iso_times_of_any_zone(log, zone):
    wall, t = soon(5)
    text = datetime.datetime.fromtimestamp(wall, zone).isoformat()
    (found,) = samples(log(f"Time; Watts\n{text};2.5\n"))
    assert found[1:] == (None, None, 2.5) and found.t == pytest.approx(t, abs=0.2)


def test_columns_have_names_and_no_order(log):
    wall, _ = soon(5)
    (found,) = samples(log(f"AMPERES\tnote\ttime\tvolts\n0.1\t\"a b\"\t{wall}\t3.3\n\n"))
    assert found[1:] == (3.3, 0.1, pytest.approx(0.33))


def test_rows_from_before_are_left_out(log):
    old, _ = soon(-30)
    wall, _ = soon(5)
    rows = "".join(f"{old + k},9\n" for k in range(20))
    assert [s.watts for s in samples(log(f"time,watts\n{rows}{wall},1\n"))] == [1.0]


def test_a_log_may_grow_and_end_within_a_row(log):
    wall, _ = soon(5)
    meter = log("time,wat")
    found = []
    with open(log.path, "a") as file:
        for piece in ("", "ts\n", f"{wall},1", ".5\n", f"{wall + 1},2.5\n{wall + 2},"):
            file.write(piece)
            file.flush()
            found.append([s.watts for s in samples(meter, tries=1)])
    assert found == [[], [], [], [1.5], [2.5]]


@pytest.mark.parametrize("text, why", [
    ("time,volts\n", "its first row is time, volts; expected columns named time, and volts and"),
    ("when,watts\n", "its first row is when, watts; expected"),
    ("1234.5,5.0,0.2\n", "its first row is 1234.5, 5.0, 0.2; expected"),
])
def test_a_file_without_its_columns_is_refused_at_once(log, text, why):
    with pytest.raises(MeterError) as caught:
        log(text)
    assert why in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("row", ["{},five", "{}", "yesterday,5", "nan,5", ",5"])
def test_a_bad_row_is_named(log, row):
    wall, _ = soon(5)
    meter = log(f"time,watts\n{wall},1\n{row.format(wall)}\n")
    assert meter.sample().watts == 1.0
    with pytest.raises(MeterError, match="^line 3: .* is no row of time and numbers$"):
        meter.sample()


def test_an_absent_file_is_one_line(tmp_path):
    with pytest.raises(MeterError, match="^csv:.*absent.csv: cannot read it: No such file"):
        parse_spec(f"csv:{tmp_path}/absent.csv").open()


def test_a_wall_clock_that_is_set_spoils_the_alignment(log, monkeypatch):
    meter = log("time,watts\n")
    assert meter.sample() is None
    offset = csv_log.wall_offset()
    monkeypatch.setattr(csv_log, "wall_offset", lambda: offset - 0.3)
    with pytest.raises(MeterError, match="wall clock was set during the run"):
        meter.sample()


@pytest.mark.parametrize("back", [0.05, 60])
def test_a_log_whose_clock_goes_back_ends_the_recording(log, back):
    wall, t = soon(5)
    log("".join(["time,watts\n", *(f"{wall + s},1\n" for s in (-60, 0, 0.1, 0.1 - back, 0.3))]))
    recorder = Recorder(parse_spec(f"csv:{log.path}"))
    recorder.start()
    recorder.stop(t + 0.3)
    assert recorder.failure.endswith(f"its clock went back by {back:g} s")
