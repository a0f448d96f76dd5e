"""The proofs that take seconds; `make formal` runs all of them."""

import subprocess
import sys

import pytest
from tritone.common.sdram_parts import BURSTS, PARTS, timing
from tritone.formal import abc, faults, sby
from tritone.formal.__main__ import MODULES, boxes
from tritone.formal.box import PROVE
from tritone.formal.sdram_lateness import late


@pytest.mark.parametrize("name", ["handshake", "ecp5_lanes", "ecp5_tables", "stream_buffer",
                                  "sdram_slow"])
def test_proof(name):
    (box,) = boxes([name])
    result = sby.run(box, PROVE)
    assert result.verdict == sby.PASS, result.log


def test_a_planted_fault_is_disproved(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITONE_BUILD", str(tmp_path))
    path = faults.PACKAGE / "formal" / "faults.txt"
    fault = next(f for f in faults.read(path) if f[3] == "ecp5_lanes")
    assert faults.judge(0, *fault) == "caught"


@pytest.mark.parametrize("chip", PARTS.values(), ids=PARTS)
def test_a_batch_as_late_as_is_proved_is_in_time(chip):
    """Each row is refreshed in the period, and no row is open for longer than tRAS allows."""
    uses = [(mhz, cas_latency, beats) for mhz in (100, 133) for cas_latency, period in chip.cas
            for beats in BURSTS if mhz * period <= 1000]
    assert len(uses) >= 2 * len(BURSTS)
    for mhz, cas_latency, beats in uses:
        t = timing(chip, clock_hz=mhz * 1_000_000, cas_latency=cas_latency, beats=beats)
        batches = chip.rows // t.refresh_batch
        assert (batches * t.refresh_interval + late(t)) * 1000 / mhz <= chip.refresh_ns
        assert (t.refresh_interval + late(t)) * 1000 / mhz <= chip.t_ras_most
        assert late(t) < t.refresh_interval  # what the proof asks for


def test_each_property_has_a_fault():
    faulty = {fault[3] for fault in faults.read(faults.PACKAGE / "formal" / "faults.txt")}
    assert faulty <= {box.name for box in boxes()}
    # A property of several sizes or times has its faults in the least of them.
    properties = {getattr(box.top, "func", box.top): set() for box in boxes()}
    for box in boxes():
        properties[getattr(box.top, "func", box.top)].add(box.name)
    assert all(names & faulty for names in properties.values())


def test_each_file_of_properties_is_run():
    files = {path.stem for path in (faults.PACKAGE / "formal").glob("*.py")
             if "\nBOXES = " in path.read_text() and path.stem != "__main__"}
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
