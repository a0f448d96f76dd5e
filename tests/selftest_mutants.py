"""Plants a fault in each box of the machine and asks the self-test which one it is.

    python tests/selftest_mutants.py [WORD ...]     only faults whose file, text or box has a WORD

The faults are in tests/selftest_mutants.txt. Each is a virtual board of its own to build, so this
takes minutes. The command fails when a fault is not found, or another box is named.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from mutants import TREE, plant, read_mutants
from rich.console import Console
from rich.progress import track
from rich.table import Table

SECONDS = 900
ARGUMENTS = ["--board", "virtual", "--preset", "tiny", "--only", "blocks", "--json"]
RUN = "import sys; from tritone.host import selftest; sys.exit(selftest.main(sys.argv[1:]))"


def named(folder):
    """(exit code, result of the check) of the self-test in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "TRITONE_BUILD": str(TREE / "build")}
    ran = subprocess.run([sys.executable, "-c", RUN, *ARGUMENTS], cwd=folder, env=environment,
                         capture_output=True, text=True, timeout=SECONDS, check=False)
    if not ran.stdout.strip():
        return ran.returncode, {"line": ran.stderr.strip()[-300:]}
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1])["checks"][0]


def judge(number, mutant):
    """What the self-test says of a mutant, and whether it is right."""
    folder = TREE / "build" / "mutants" / f"selftest-{number}"
    if not plant(mutant, folder):
        return False, "its place is not unique in the file"
    code, check = named(folder)
    right = code == 1 and check.get("box") == mutant.test
    return right, check.get("box") or check["line"]


def main(words):
    mutants = [m for m in read_mutants(Path(__file__).with_suffix(".txt"))
               if not words or any(w in " ".join((m.file, m.old, m.test)) for w in words)]
    table, missed = Table("file", "fault", "box", "named by the self-test"), 0
    for number, mutant in track(list(enumerate(mutants)), "planting faults",
                                console=Console(stderr=True)):
        right, said = judge(number, mutant)
        missed += not right
        table.add_row(mutant.file, f"{mutant.old}\n  -> {mutant.new}", mutant.test,
                      said if right else f"WRONG: {said}")
        print(f"{mutant.test}: {said}", file=sys.stderr, flush=True)
    Console().print(table)
    print(f"{len(mutants) - missed} of {len(mutants)} faults named")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
