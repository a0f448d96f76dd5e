"""The fit finds factors that were planted, says which it cannot find, and learns from measured
power alone."""

import json
import math
import random

import pytest
import toy_power as toy

from tritone.power import calibrate
from tritone.power.calibrate import Observation
from tritone.power.design import Design
from tritone.power.energies import EnergyError
from tritone.power.estimate import Subject
from tritone.power.terms import Term, total

METER = 0.01
PLANTED = {"routing": 1.6, "clock": 0.7, "leakage": 1.3, "ebr": 0.8, "rest": 1.9}
RUN = {"board": "ulx3s-85f", "model": "models/toy",
       "energy": {"provenance": "measured", "idle_watts": {"median": 1.2},
                  "running_watts": {"median": 2.5}}}


def planted_runs(count, seed=5):
    """Runs of as many boards, each of another mixture, and what they draw with PLANTED."""
    rng = random.Random(seed)
    for number in range(count):
        terms = [Term("a", name, rng.uniform(0.05, 1.0) ** 3, (name,)) for name in PLANTED]
        power = sum(term.amount * PLANTED[term.factors[0]] for term in terms)
        yield Observation(f"run {number}", terms, power)


def test_planted_factors_are_found_within_the_meters_error():
    found = calibrate.fit(list(planted_runs(24)), toy.energies(), METER)
    for name, factor in PLANTED.items():
        assert found.factors[name] == pytest.approx(factor, rel=3 * METER), name
        assert name not in found.undetermined


def test_factors_that_no_run_has_stay_and_are_named():
    found = calibrate.fit(list(planted_runs(24)), toy.energies(), METER)
    others = set(toy.NAMES) - set(PLANTED)
    assert others == set(found.undetermined)
    assert all(found.factors[name] == pytest.approx(1.0) for name in others)


def test_one_run_tells_a_sum_but_not_its_parts():
    energies = toy.energies()
    terms = [Term("a", n, 1.0, (n,)) for n in ("routing", "clock", "ebr", "dsp", "lut", "pll")]
    found = calibrate.fit([Observation("x", terms, 9.0)], energies, METER)
    assert set(found.undetermined) == set(toy.NAMES)
    after = calibrate.calibrated(energies, calibrate.record(found, energies, ["x"], METER))
    before, now = total(terms, energies), total(terms, after)
    assert now.typical == pytest.approx(9.0, rel=METER)
    assert math.log(now.high / now.low) < 0.1 * math.log(before.high / before.low)
    assert total(terms[:1], after).high / total(terms[:1], after).low > 2.5  # 4 before


def test_a_meter_that_knows_nothing_leaves_the_file_as_it_is():
    found = calibrate.fit(list(planted_runs(3)), toy.energies(), 1e6)
    assert all(factor == pytest.approx(1.0) for factor in found.factors.values())
    assert all(share == pytest.approx(1.0) for share in found.share.values())


def test_an_energy_without_doubt_is_not_moved():
    energies = toy.energies(factor=1.0)
    found = calibrate.fit(list(planted_runs(3)), energies, METER)
    assert all(factor == pytest.approx(1.0, abs=1e-6) for factor in found.factors.values())


def test_nothing_can_be_learnt_from_nothing():
    with pytest.raises(EnergyError, match="no measured run"):
        calibrate.fit([], toy.energies())


@pytest.fixture
def toy_board(monkeypatch):
    """The board of every name is the toy."""
    monkeypatch.setattr(calibrate, "subject", lambda name, model, energies, kept: Subject(
        toy.report(), Design.of(toy.report(), toy.activity(), None, 64, energies)))


def written(tmp_path, run):
    path = tmp_path / "run.json"
    path.write_text(run if isinstance(run, str) else json.dumps(run))
    return path


def test_a_run_gives_its_idle_and_its_running_power(tmp_path, toy_board):
    idle, running = calibrate.observations(written(tmp_path, RUN), toy.energies())
    assert (idle.watts, running.watts) == (1.2, 2.5)
    assert sum(t.kind == "ebr" for t in running.terms) == 2  # itself, and what regulators lose
    assert not any(t.kind == "ebr" for t in idle.terms)


def energy(**changes):
    return RUN | {"energy": RUN["energy"] | changes}


@pytest.mark.parametrize("run, says", [
    (energy(provenance="simulated"), "idle_watts is simulated, not measured"),
    (energy(provenance="estimated"), "idle_watts is estimated, not measured"),
    (energy(running_watts={"median": 2.5, "provenance": "simulated"}),
     "running_watts is simulated, not measured"),
    ({"board": "ulx3s-85f", "energy": {"idle_watts": {"median": 1}}}, "of unknown provenance"),
    (energy(idle_watts=None, running_watts=None), "neither idle nor running watts"),
    (energy(idle_watts={"median": -1}), "idle_watts = -1 is no power"),
    (energy(idle_watts={"median": "1 W"}), "idle_watts = '1 W' is no power"),
    ({"board": "ulx3s-85f", "energy": None}, "no energy in it"),
    (RUN | {"board": "/dev/ttyUSB0"}, "which board is '/dev/ttyUSB0'"),
    (RUN | {"board": ["ulx3s-85f"]}, "which board is"),
    (RUN | {"model": 3}, "model = 3 is no name"),
    (RUN | {"preset": "tiny"}, "ulx3s-85f has the machine sdram16, but tiny ran"),
    ([1], "not a run of make measure"),
    ("{", "Expecting property name"),
])
def test_a_run_that_was_not_measured_is_refused(tmp_path, toy_board, run, says):
    with pytest.raises(EnergyError, match=says) as caught:
        calibrate.observations(written(tmp_path, run), toy.energies())
    assert "run.json" in str(caught.value)


def test_a_board_may_be_named_for_a_run_through_a_port(tmp_path, toy_board):
    path = written(tmp_path, RUN | {"board": "/dev/ttyUSB0"})
    assert len(calibrate.observations(path, toy.energies(), "ulx3s-85f")) == 2


def test_a_run_that_knows_its_board_is_not_anothers(tmp_path, toy_board):
    with pytest.raises(EnergyError, match="this is a run of ulx3s-85f, not of ulx3s-45f"):
        calibrate.observations(written(tmp_path, RUN), toy.energies(), "ulx3s-45f")


def record():
    energies = toy.energies()
    found = calibrate.fit(list(planted_runs(4)), energies, METER)
    return json.loads(json.dumps(calibrate.record(found, energies, ["a", "b"], METER)))


def test_a_calibration_says_from_how_many_runs_it_is():
    after = calibrate.calibrated(toy.energies(), record())
    assert after.mark == "estimated, calibrated with 2 runs"
    assert after.values["routing"].typical == pytest.approx(record()["factors"]["routing"])


@pytest.mark.parametrize("change, says", [
    ({"names": None}, "not a calibration"), ({"covariance": []}, "not a calibration"),
    ({"factors": {}}, "not a calibration"), ({"factors": None}, "not a calibration"),
    ({"runs": 3}, "not a calibration"),
    ({"typical": {}}, "with other energies"), ({"names": ["lut"]}, "with other energies")])
def test_a_calibration_of_something_else_is_refused(change, says):
    with pytest.raises(EnergyError, match=says):
        calibrate.calibrated(toy.energies(), record() | change)
