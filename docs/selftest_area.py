"""LUTs and flip-flops of what the self-test adds to a machine, by synth_ecp5 alone.

    python docs/selftest_area.py [PRESET ...]
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from amaranth.hdl import Module
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from tritone.common.config import preset
from tritone.common.signatures import STREAMS, fields
from tritone.rtl.emit import YOSYS, to_rtlil
from tritone.rtl.memory_march import MemoryMarch
from tritone.rtl.signatures import Signatures

CELLS = ("LUT4", "TRELLIS_FF", "CCU2C")


class Alone(Component):
    """Signatures with the streams at its ports."""

    def __init__(self, config):
        self.widths = {name: sum(bits) for name, bits in fields(config).items()}
        super().__init__({"clear": In(1), "o": Out(data.ArrayLayout(32, len(STREAMS))),
                          **{name: In(bits) for name, bits in self.widths.items()},
                          **{f"{name}_now": In(1) for name in self.widths}})

    def elaborate(self, platform):
        m = Module()
        m.submodules.signatures = signatures = Signatures(
            {name: (getattr(self, f"{name}_now"), getattr(self, name)) for name in STREAMS})
        m.d.comb += [signatures.clear.eq(self.clear), self.o.eq(signatures.signatures)]
        return m


def cells(component):
    """{cell: count} after synth_ecp5."""
    with tempfile.TemporaryDirectory(prefix="tritone_area_") as folder:
        Path(folder, "design.il").write_text(to_rtlil(component, "design"))
        script = "read_rtlil design.il; synth_ecp5 -top design; tee -o cells.txt stat"
        subprocess.run([sys.executable, "-c", YOSYS, "-q", "-p", script], cwd=folder, check=True)
        text = Path(folder, "cells.txt").read_text()
    return {cell: sum(map(int, re.findall(rf"^\s+(\d+)\s+{cell}\s*$", text, re.M)))
            for cell in CELLS}


def main(names):
    for name in names or ("narrow", "virtual"):
        config = preset(name)
        for what, component in (("march", MemoryMarch(config)), ("signatures", Alone(config))):
            print(f"{name} {what}: {cells(component)} (synth_ecp5, not placed)")


if __name__ == "__main__":
    main(sys.argv[1:])
