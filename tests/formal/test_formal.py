"""The proofs that take seconds; `make formal` runs all of them."""

import subprocess
import sys

import pytest
from tritone.formal import abc, faults, sby
from tritone.formal.__main__ import MODULES, boxes
from tritone.formal.box import PROVE


@pytest.mark.parametrize("name", ["handshake", "ecp5_lanes"])
def test_proof(name):
    (box,) = boxes([name])
    result = sby.run(box, PROVE)
    assert result.verdict == sby.PASS, result.log


def test_a_planted_fault_is_disproved(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITONE_BUILD", str(tmp_path))
    path = faults.PACKAGE / "formal" / "faults.txt"
    fault = next(f for f in faults.read(path) if f[3] == "ecp5_lanes")
    assert faults.judge(0, *fault) == "caught"


def test_each_proof_has_a_fault():
    path = faults.PACKAGE / "formal" / "faults.txt"
    assert {f[3] for f in faults.read(path)} == {box.name for box in boxes()}


def test_each_file_of_properties_is_run():
    files = {path.stem for path in (faults.PACKAGE / "formal").glob("*.py")
             if "BOXES = (" in path.read_text() and path.stem != "__main__"}
    assert files == set(MODULES)


@pytest.mark.parametrize("status, said", [
    ("snl_SAT 7 d", "Output 0 of miter"), ("snl_UNSAT 3 d", "Property proved."),
    ("snl_UNK 11 d", "No output asserted in 11 frames."), ("snl_UNK 4 d", "Undecided")])
def test_what_abc_says(status, said):
    assert abc.verdict(status, "fold; bmc3 -F 12 -v").startswith(said)


def test_an_undecided_proof_is_not_a_bounded_pass():
    assert abc.verdict("snl_UNK 100 d", "fold; pdr -v").startswith("Undecided")


def test_an_unknown_proof_lists_the_known():
    ran = subprocess.run([sys.executable, "-m", "tritone.formal", "nothing"], capture_output=True,
                         text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("formal: unknown proof 'nothing'; known: code_banks")
    assert "Traceback" not in ran.stderr
