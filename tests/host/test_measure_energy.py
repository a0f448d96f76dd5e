"""Energy of whole runs: loads that follow the passes, logs, instruments, and meters that fail."""

import threading
import time

import pytest
from fake_board import STEPS, FakeBoard
from meter_fakes import FakeMeter, FakeSpec, live

from tritone.meters.meter import MeterError, parse_spec

def test_energy_of_a_load_that_follows_the_passes(fake, capsys):
    """1 W at rest, 3 W in a pass."""
    changes = [(0.0, 1.0)]  # time, watts from then on

    def events(number, index):
        if index in (0, None):
            changes.append((time.monotonic(), 3.0 if index == 0 else 1.0))

    board = FakeBoard(0.004, events)
    meter = FakeMeter(live(lambda t: next(w for since, w in changes[::-1] if since <= t), 0.001))
    status, found = fake(board, FakeSpec(meter), tokens=120)
    energy = found["energy"]
    assert status == 0 and energy["refused"] == [] and meter.closed == 1
    assert energy["provenance"] == "measured" and energy["steps"] == STEPS + 120
    assert energy["idle_watts"]["median"] == pytest.approx(1.0, rel=0.01)
    assert energy["running_watts"]["median"] == pytest.approx(3.0, rel=0.03)
    assert energy["difference_watts"]["median"] == pytest.approx(2.0, rel=0.05)
    seconds = sorted(p["end"] - p["start"] for p in found["passes"])[1]
    assert energy["joules_a_token"]["median"] == pytest.approx(
        3 * seconds / 121, rel=0.03)
    assert energy["joules_a_token_above_idle"]["median"] == pytest.approx(
        2 * seconds / 121, rel=0.03)
    begin, end = found["idle"]
    assert found["warm_up"]["end"] <= begin and end <= found["passes"][0]["start"]
    assert end - begin >= max(0.3, found["warm_up"]["end"] - found["warm_up"]["start"]) * 0.99
    assert found["meter"]["samples"] > 100 and found["meter"]["points"]
    out = capsys.readouterr().out
    for said in ("energy a pass", "a token above idle", "divided by the 121 steps of a pass"):
        assert said in out


def test_energy_from_a_log_that_is_written_meanwhile(fake, tmp_path):
    log, over = tmp_path / "log.csv", threading.Event()

    def write():
        t = time.time()
        with open(log, "a") as file:
            while not over.wait(max(0.0, t - time.time())):
                file.write(f"{t:.6f},5.0,0.5\n")
                file.flush()
                t += 0.003  # also when this computer is busy

    log.write_text(f"time,volts,amperes\n{time.time() - 60},5.0,99\n")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        status, found = fake(FakeBoard(0.01), parse_spec(f"csv:{log}"), tokens=60)
    finally:
        over.set()
        writer.join()
    assert status == 0 and found["energy"]["refused"] == []
    assert found["energy"]["running_watts"]["median"] == pytest.approx(2.5)
    assert found["energy"]["idle_watts"]["median"] == pytest.approx(2.5)
    seconds = sorted(p["end"] - p["start"] for p in found["passes"])[1]
    assert found["energy"]["joules_a_pass"]["median"] == pytest.approx(2.5 * seconds, rel=1e-3)


SUPPLY = """
spec: "1.1"
devices:
  supply:
    eom:
      USB INSTR: {q: "\\n", r: "\\n"}
    error: ERROR
    dialogues:
      - {q: "MEAS:VOLT?", r: "+5.01200000E+00"}
      - {q: "MEAS:CURR?", r: "+2.50000000E-01"}
resources:
  USB0::0x1AB1::0x0E11::DP8C::INSTR: {device: supply}
"""


def test_energy_from_a_supply_over_visa(fake, tmp_path):
    (tmp_path / "bench.yaml").write_text(SUPPLY)
    meter = parse_spec("visa:USB0::0x1AB1::0x0E11::DP8C::INSTR,timeout=30,"
                       f"backend={tmp_path}/bench.yaml@sim")
    status, found = fake(FakeBoard(0.07), meter, tokens=50, repeats=1)
    (one,), energy = found["passes"], found["energy"]
    assert status == 0 and energy["refused"] == [] and found["meter"]["failure"] is None
    assert energy["idle_watts"]["median"] == pytest.approx(1.253, rel=1e-9)
    assert energy["joules_a_token"]["median"] == pytest.approx(
        1.253 * (one["end"] - one["start"]) / (STEPS + 50), rel=1e-6)


def test_an_absent_meter_leaves_the_rest(fake, capsys):
    status, found = fake(FakeBoard(), FakeSpec(error=MeterError("fake:meter: not there")))
    assert status == 1 and len(found["passes"]) == 3 and found["wall"]["tokens_per_s"]
    assert found["energy"]["joules_a_token"] is None and found["partial"] is None
    assert found["energy"]["refused"] == ["fake:meter: not there"]
    assert found["meter"] == {"name": "fake:meter", "failure": "fake:meter: not there",
                              "samples": 0, "points": []}
    out, err = capsys.readouterr()
    assert err == ("fake:meter: not there; the run goes on without energy\n"
                   "error: no energy: fake:meter: not there\n")
    assert "no energy: fake:meter: not there" in out


def test_a_meter_that_stops_in_the_middle_leaves_the_rest(fake, capsys):
    meter = FakeMeter(live(lambda t: 2.0, 0.002, most=60))
    status, found = fake(FakeBoard(0.01), FakeSpec(meter), tokens=40)
    assert status == 1 and len(found["passes"]) == 3 and found["partial"] is None
    assert found["energy"]["refused"] == ["fake:meter: it was unplugged"]
    assert found["energy"]["idle_watts"] is None and found["energy"]["joules_a_token"] is None
    assert found["meter"]["samples"] == 60 and len(found["meter"]["points"]) == 60
    assert "no energy: fake:meter: it was unplugged" in capsys.readouterr().out


def test_a_meter_that_is_too_slow_is_refused_with_numbers(fake, capsys):
    meter = FakeMeter(live(lambda t: 2.0, 0.2))
    status, found = fake(FakeBoard(0.01), FakeSpec(meter), tokens=40)
    assert status == 1 and found["energy"]["joules_a_token"] is None
    assert any("samples in a window of " in why for why in found["energy"]["refused"])
    assert "no energy: pass 1: " in capsys.readouterr().out


def test_a_simulated_board_has_no_measured_energy(fake):
    board = FakeBoard(0.004)
    board.provenance = "simulated"
    status, found = fake(board, FakeSpec(FakeMeter(live(lambda t: 2.0, 0.001))), tokens=50)
    energy, own = found["energy"], found["own_speed"]
    assert status == 0 and energy["running_watts"]["median"] == pytest.approx(2.0)
    assert energy["joules_a_token"] is energy["joules_a_pass"] is None
    assert energy["provenance"] == own["provenance"] == "this computer"
    assert "the meter sees no board" in energy["note"] and "simulator's own" in own["note"]
    assert found["wall"] is None and found["counted"]["provenance"] == "simulated"
