"""The registers' table of docs/pcie.md is that of common/pcie.py."""

import runpy
from pathlib import Path

from tritone.common.page import write_between
from tritone.common.pcie import REGISTERS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_table_is_current(tmp_path):
    script, copy = runpy.run_path(str(DOCS / "pcie_tables.py")), tmp_path / "pcie.md"
    page = (DOCS / "pcie.md").read_text()
    copy.write_text(page)
    write_between(copy, *script["MARKS"], script["table"]())
    assert copy.read_text() == page, "run python docs/pcie_tables.py"


def test_offsets_are_dwords_apart():
    offsets = [register.offset for register in REGISTERS]
    assert offsets == sorted(set(offsets)) and not any(offset % 4 for offset in offsets)
    assert len({register.name for register in REGISTERS}) == len(REGISTERS)
