"""Writes the tables of docs/cpu.md from docs/data/cpu: `make bench-cpu` ends with it."""

import json
import sys
from pathlib import Path

from ..common.errors import TritoneError
from ..common.page import marks, write_between
from .errors import CpuError
from .report import markdown

TREE = Path(__file__).resolve().parents[1]
PAGE, KEPT, MARKS = TREE / "docs" / "cpu.md", TREE / "docs" / "data" / "cpu", \
    marks("cpu", "make bench-cpu")


def results(kept):
    """What `kept` has, the smaller models first; CpuError when there is nothing."""
    found = [json.loads(path.read_text()) for path in sorted(kept.glob("*.json"))]
    if not found:
        raise CpuError(f"nothing was measured yet: {kept} is empty; run make bench-cpu")
    return sorted(found, key=lambda result: result["trits"])


def main():
    try:
        write_between(PAGE, *MARKS, markdown(results(KEPT)))
    except (TritoneError, OSError, ValueError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
