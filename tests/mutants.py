"""Plants a fault in the gateware, one at a time, and runs the test that must catch it.

    python tests/mutants.py [WORD ...]     only faults whose file, text or test has a WORD

The faults are in tests/mutants.txt. A fault that is not found in its file any more, or that its
test does not catch, makes the command fail.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

TREE = Path(__file__).resolve().parents[1]
PARTS = ("common", "model", "compiler", "rtl", "sim", "host", "boards", "meters", "cpu", "power")
SECONDS = 600
WORKERS = 2


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`; `test` is the pytest id that must fail."""

    file: str
    old: str
    new: str
    test: str


def read_mutants(path):
    """Mutants of a file of paragraphs: file, old, new, test, a line each; # begins a comment."""
    mutants = []
    for paragraph in path.read_text().split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        if len(lines) != 4:
            sys.exit(f"error: {path}: a mutant has 4 lines (file, old, new, test), "
                     f"not {len(lines)}: {lines[0]}")
        mutants.append(Mutant(*(line.strip() for line in lines)))
    return mutants


def copy_tree(folder):
    """The sources as a package in `folder`, which comes before the installed one."""
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "tritone"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for part in PARTS:
        shutil.copytree(TREE / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "models", "pyproject.toml"):
        (folder / name).symlink_to(TREE / name)
    for name in ("models", "docs"):  # the package is the tree, where it is not installed
        (package / name).symlink_to(TREE / name)


def plant(mutant, folder):
    """A copy with the fault; False when its place is not unique."""
    copy_tree(folder)
    path = folder / "tritone" / mutant.file
    source = path.read_text()
    if source.count(mutant.old) != 1:
        return False
    path.write_text(source.replace(mutant.old, mutant.new))
    return True


def run_tests(folder, *tests):
    """pytest on the copy in `folder`: the finished process; raises TimeoutExpired."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "TRITONE_BUILD": str(TREE / "build"),
                   "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p",
               "no:xdist", *tests]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=SECONDS)


def check_control(mutants):
    """Without a fault every one of the tests must pass, else a verdict would mean nothing."""
    folder = TREE / "build" / "mutants" / "control"
    copy_tree(folder)
    result = run_tests(folder, *sorted({m.test for m in mutants}))
    if result.returncode:
        sys.exit(f"error: the tests fail without a fault: {result.stdout[-1500:]}{result.stderr}")
    shutil.rmtree(folder)


def judge(number, mutant):
    """"caught", or what went wrong; and the seconds it took."""
    folder, start = TREE / "build" / "mutants" / str(number), time.monotonic()
    if not plant(mutant, folder):
        return "its place is not unique in the file", 0.0
    try:
        result = run_tests(folder, mutant.test)
    except subprocess.TimeoutExpired:
        return f"no verdict within {SECONDS} s", time.monotonic() - start
    seconds = time.monotonic() - start
    verdict = {0: "SURVIVED", 1: "caught"}.get(
        result.returncode, f"pytest ended with {result.returncode}: {result.stdout[-300:]}")
    if verdict == "caught":
        shutil.rmtree(folder)
    return verdict, seconds


def main(words):
    mutants = [m for m in read_mutants(TREE / "tests" / "mutants.txt")
               if not words or any(w in " ".join((m.file, m.old, m.test)) for w in words)]
    if not mutants:
        sys.exit(f"error: no fault's file, old text or test has any of: {', '.join(words)}")
    console = Console(stderr=True)
    with console.status("running the tests without a fault"):
        check_control(mutants)
    with Progress(console=console) as progress, ThreadPoolExecutor(WORKERS) as pool:
        task = progress.add_task("planting faults", total=len(mutants))

        def one(item):
            verdict = judge(*item)
            progress.advance(task)
            return verdict

        verdicts = list(pool.map(one, enumerate(mutants)))
    table = Table("file", "fault", "test", "verdict", "s")
    for mutant, (verdict, seconds) in zip(mutants, verdicts):
        table.add_row(mutant.file, f"{mutant.old}\n  -> {mutant.new}", mutant.test, verdict,
                      f"{seconds:.0f}")
    Console().print(table)
    results = [{**vars(m), "verdict": v, "seconds": round(s, 1)}
               for m, (v, s) in zip(mutants, verdicts)]
    (TREE / "build" / "mutants.json").write_text(json.dumps(results, indent=1))
    missed = sum(v != "caught" for v, _ in verdicts)
    print(f"{len(mutants) - missed} of {len(mutants)} faults caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
