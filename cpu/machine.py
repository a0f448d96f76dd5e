"""What the machine is: processor, caches, system. No names of hosts or persons."""

import math
import os
import platform
import re
from pathlib import Path

from ..common.origin import processor

CPUINFO = Path("/proc/cpuinfo")
CPUS = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container
BUSY = 0.3  # load a core, above which figures are too low
# Extensions that make a difference to the kernels.
VECTORS = ("avx2", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "asimd", "asimddp", "i8mm")


def _cpuinfo():
    """Fields of the first processor."""
    try:
        text = CPUINFO.read_text()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def is_busy(machine):
    """Whether what `describe` has found is too much other work for figures that count."""
    return machine["load"] > BUSY * machine["usable_cores"]


def instructions():
    """What -march=native depends on; a build folder may be carried to another machine."""
    fields = _cpuinfo()
    return " ".join((platform.machine(), fields.get("model name", ""),
                     fields.get("flags", fields.get("Features", ""))))


def _processors():
    """Numbers of the logical processors that this process may run on."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # not on macOS
        return range(os.cpu_count() or 1)


def _quota():
    """Processors' worth of time that a container leaves; infinite without one."""
    try:
        most, period = map(int, QUOTA.read_text().split())
    except (OSError, ValueError):  # "max" where there is no limit
        return math.inf
    return max(1, most // period)


def usable_cores():
    """Threads that this process may run at once, two of a core with hyperthreading among them."""
    return min(len(_processors()), _quota())


def physical_cores():
    """The same, with one thread a core."""
    cores = set()
    for number in _processors():
        try:
            cores.add((CPUS / f"cpu{number}" / "topology/thread_siblings_list").read_text())
        except OSError:
            cores.add(number)
    return min(len(cores), _quota())


def caches():
    """[{"level", "type", "size"}] of the first core, as Linux tells."""
    found = []
    for folder in sorted((CPUS / "cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((folder / name).read_text().strip()
                                 for name in ("level", "type", "size"))
        except OSError:
            continue
        found.append({"level": int(level), "type": kind.lower(), "size": size})
    return found


def system():
    """Such as "Debian GNU/Linux 12, Linux 6.1"."""
    release = re.match(r"[\d.]*\d", platform.release())
    kernel = f"{platform.system()} {release[0] if release else ''}".strip()
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def available_bytes():
    """Memory that can be had without swapping; None where the system does not tell."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    return int(found[1]) << 10 if found else None


def describe(built):
    """The machine and the compiler.Built, for JSON."""
    fields = _cpuinfo()
    flags = fields.get("flags", fields.get("Features", "")).split()
    return {
        "processor": processor(),
        "architecture": platform.machine(), "family": fields.get("cpu family", ""),
        "model": fields.get("model", ""), "cores": os.cpu_count(), "usable_cores": usable_cores(),
        "physical_cores": physical_cores(),
        "virtual_machine": "hypervisor" in flags,
        "vectors": [name for name in VECTORS if name in flags], "caches": caches(),
        "system": system(), "compiler": built.compiler, "flags": built.flags,
        "load": round(os.getloadavg()[0], 2),
    }
