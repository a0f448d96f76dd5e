"""The engine's C, compiled for this very processor and kept under build/cpu by content."""

import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from ..common import generator, tables
from ..sim.cache import build_root, cached, digest
from ..sim.progress import step
from .errors import CpuError
from .machine import instructions

SOURCES = Path(__file__).resolve().parent
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ["-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
         "-shared", "-pthread"]
WHERE_KNOWN = ["-mprefer-vector-width=512"]  # flags that only some compilers have
LOG_LINES = 12
TIMEOUT_S = 300
NOISE_DROP = 8  # model/sampler.py: from temperature times Gumbel variate to the format of logits


@dataclass(frozen=True)
class Built:
    """A library, and how it was made."""

    path: Path
    compiler: str
    flags: list


def find():
    """The C compiler that CC names, or the first of COMPILERS on PATH; CpuError without one."""
    named = os.environ.get("CC")
    for name in [named] if named else COMPILERS:
        if found := shutil.which(name):
            return found
    raise CpuError(f"no C compiler: {named or ', '.join(COMPILERS)} not found; "
                   "install one with: sudo apt-get install gcc")


def execute(*command):
    """The finished process of a compiler; CpuError when it cannot be run at all."""
    try:
        return subprocess.run([str(c) for c in command], capture_output=True, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CpuError(f"{command[0]} does not run: {error}") from None


def identity(compiler):
    """First line of what the compiler says of its version."""
    ran = execute(compiler, "--version")
    if ran.returncode or not ran.stdout.strip():
        raise CpuError(f"{compiler} is no C compiler: it does not tell its version")
    return ran.stdout.splitlines()[0].strip()


def defines(formats):
    """Every width of docs/numerics.md and constant of the sampler, as options of the compiler."""
    values = {name.upper(): value for name, value in asdict(formats).items()}
    for name in ("code_input_drop", "sum_drop", "reciprocal_frac"):
        values[name.upper()] = getattr(formats, name)
    values |= zip(("STEP_A", "STEP_B", "STEP_C"), generator.SHIFTS)
    for name in ("GUMBEL_OCTAVE_BITS", "GUMBEL_STEP_BITS", "GUMBEL_PLACE_BITS"):
        values[name] = getattr(tables, name)
    values["NOISE_DROP"] = NOISE_DROP
    return [f"-D{name}={value}" for name, value in values.items()]


def accepted(compiler):
    """FLAGS, and of WHERE_KNOWN what this compiler takes."""
    known = [flag for flag in WHERE_KNOWN
             if not execute(compiler, "-Werror", flag, "-E", "-x", "c", os.devnull).returncode]
    return FLAGS + known


def build(formats):
    """The Built library for `formats`, from build/cpu or compiled now, which takes seconds."""
    compiler = find()
    sources = sorted(SOURCES.glob("*.c"))
    content = [path.read_bytes() for path in [*sources, *sorted(SOURCES.glob("*.h"))]]
    version, flags, widths = identity(compiler), accepted(compiler), defines(formats)

    def make(folder):
        with step("compiling the engine for this processor"):
            ran = execute(compiler, *flags, *widths, *sources, "-lm", "-o", folder / "engine.so")
        if ran.returncode or not (folder / "engine.so").exists():
            tail = " / ".join((ran.stderr or ran.stdout).splitlines()[-LOG_LINES:])
            raise CpuError(f"{compiler} did not compile the engine: {tail}")

    name = digest(compiler, version, flags, widths, instructions(), *content)
    return Built(cached(build_root() / "cpu" / name, make) / "engine.so", version, flags)
