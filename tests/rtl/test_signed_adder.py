"""SignedAdder in ECP5 cells equals the plain one: proved by yosys for all inputs."""

import subprocess
import sys

import pytest
from amaranth.back import rtlil

from tritone.rtl.emit import YOSYS
from tritone.rtl.signed_adder import SignedAdder

SCRIPT = """\
read_rtlil gate.il
read_verilog -nooverwrite +/ecp5/cells_sim.v
hierarchy -top gate
proc
flatten
opt_clean
read_rtlil gold.il
proc gold
miter -equiv -make_assert -flatten gold gate miter
sat -verify -prove-asserts miter
"""


class Ecp5:
    """All that a component asks of a platform."""

    device = "LFE5U-85F"


@pytest.mark.parametrize("width", [10, 17], ids=["even", "odd"])
def test_ecp5_cells_equal_the_plain_adder(tmp_path, width):
    for name, platform in (("gold", None), ("gate", Ecp5())):
        text = rtlil.convert(SignedAdder(width), name=name, emit_src=False, platform=platform)
        assert ("CCU2C" in text) == (name == "gate")
        (tmp_path / f"{name}.il").write_text(text)
    (tmp_path / "prove.ys").write_text(SCRIPT)
    ran = subprocess.run([sys.executable, "-c", YOSYS, "-q", "prove.ys"], cwd=tmp_path, text=True,
                         capture_output=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
