"""Plants a fault in the gateware, one at a time, and runs the proof that must fail.

The faults are in formal/faults.txt: file, old text, new text, proof and mode, a line each.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from ..sim.cache import build_root
from . import sby

PACKAGE = Path(__file__).resolve().parents[1]
PARTS = ("common", "rtl", "sim", "formal")
SECONDS = 1200


def read(path):
    """(file, old, new, proof, mode) of each paragraph; # begins a comment."""
    found = []
    for paragraph in path.read_text().split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        if len(lines) != 4:
            raise sby.FormalError(f"{path}: a fault has 4 lines (file, old, new, proof and mode), "
                                  f"not {len(lines)}: {lines[0]}")
        file, old, new, proof = (line.strip() for line in lines)
        found.append((file, old, new, *proof.split()))
    return found


def judge(number, file, old, new, proof, mode):
    """"caught", or what went wrong, for one fault in a copy of the package."""
    folder = build_root() / "formal" / "faults" / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "tritone"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for part in PARTS:
        shutil.copytree(PACKAGE / part, package / part,
                        ignore=shutil.ignore_patterns("__pycache__"))
    source = (package / file).read_text()
    if source.count(old) != 1:
        return "its place is not unique in the file"
    (package / file).write_text(source.replace(old, new))
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "tritone.formal", proof, "--mode", mode, "--no-trace"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "TRITONE_BUILD": str(folder / "build")},
            capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no verdict within {SECONDS} s"
    if f"{proof} {mode}: {sby.FAIL}" not in ran.stderr:
        return "SURVIVED" if ran.returncode == 0 else f"no verdict: {ran.stderr[-300:]}"
    shutil.rmtree(folder)
    return "caught"


def main(names, console):
    """Judges all faults, or those of the proofs `names`; 1 if one was not caught."""
    wanted = [f for f in read(Path(__file__).with_name("faults.txt"))
              if not names or f[3] in names]
    table = Table("file", "fault", "proof", "verdict", "s")
    missed = 0
    with Progress(console=console) as progress:
        task = progress.add_task("planting faults", total=len(wanted))
        for number, fault in enumerate(wanted):
            start = time.monotonic()
            verdict = judge(number, *fault)
            missed += verdict != "caught"
            table.add_row(fault[0], f"{fault[1]}\n  -> {fault[2]}", " ".join(fault[3:]), verdict,
                          f"{time.monotonic() - start:.0f}")
            progress.advance(task)
    console.print(table)
    print(f"{len(wanted) - missed} of {len(wanted)} faults caught")
    return int(missed > 0)
