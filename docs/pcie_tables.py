"""Writes the registers of common/pcie.py into docs/pcie.md: `python docs/pcie_tables.py`."""

from pathlib import Path

from tritone.common.page import marks, write_between
from tritone.common.pcie import REGISTERS

PAGE = Path(__file__).resolve().parent / "pcie.md"
MARKS = marks("registers", "python docs/pcie_tables.py")
ACCESS = {"r": "read", "rw": "read, write", "w1": "1 acts", "c": "1 clears"}


def table():
    """Markdown: a row a register."""
    rows = [f"| 0x{r.offset:02X} | {r.name} | {ACCESS[r.access]} | {r.says} |" for r in REGISTERS]
    return "\n".join(["| offset | name | access | what it is |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    write_between(PAGE, *MARKS, table())
