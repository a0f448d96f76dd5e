"""What a file of results says of where it comes from."""

import platform
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
SECONDS = 10


def commit(tree=TREE):
    """The commit that is checked out, "+" behind it when files differ; "" outside a repository."""
    command = ["git", "describe", "--always", "--abbrev=10", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True,
                              timeout=SECONDS).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def processor():
    """Name of this computer's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def origin(*command):
    """{"command", "commit", "created", "host"} of a file that `command` writes now."""
    return {
        "command": shlex.join(map(str, command)),
        "commit": commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": {"processor": processor(), "system": platform.system(),
                 "python": platform.python_version()},
    }
