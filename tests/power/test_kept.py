"""What the documents say of power is what the kept activities and the energies give."""

import json
from pathlib import Path

import pytest

from tritone.power import energies, estimate

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = sorted((DOCS / "data" / "power").glob("*.json"), key=lambda path: path.stem)


@pytest.fixture
def again(tmp_path, monkeypatch):
    """Estimates of the reports in docs, whatever lies in build/."""
    monkeypatch.setenv("TRITONE_BUILD", str(tmp_path))
    monkeypatch.setattr(estimate, "REPORTS", DOCS / "data" / "boards")
    return lambda name: estimate.estimate(name, energies.load(), kept=DOCS / "data" / "power")


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_an_estimate_comes_out_again(again, path):
    kept, found = json.loads(path.read_text()), again(path.stem)
    for what in ("watts", "joules_a_token", "blocks", "idle_blocks", "mark", "tokens_per_second"):
        assert found[what] == kept[what], f"{what}: tritone power estimate --keep"


def test_the_page_has_the_tables_of_what_is_kept():
    page = (DOCS / "power.md").read_text()
    assert KEPT and estimate.markdown([json.loads(path.read_text()) for path in KEPT]) in page
    assert energies.markdown(energies.load()) in page
