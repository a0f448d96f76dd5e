"""What Yosys does to a design: the same for a bitstream and for the netlist that is simulated."""

import re

# The flip-flops of a tile share two resets and three enables. With hundreds of those that only a
# few flip-flops have, some are put far away from the gates that they belong to; gates cost less.
FEWEST = 9
# As synth_ecp5 has it, with FEWEST.
FLIP_FLOPS = (f"dfflegalize -mince {FEWEST} -minsrst {FEWEST} -cell $_DFF_?_ 01 -cell $_DFF_?P?_ r "
              "-cell $_SDFF_?P?_ r -cell $_DFFE_??_ 01 -cell $_DFFE_?P??_ r -cell $_SDFFE_?P??_ r "
              "-cell $_DLATCH_?_ x")


def commands(top):
    """Yosys commands that map the design `top` to cells of the ECP5.

    Without wide gates (PFUMX): these are two or four LUTs that have to be placed together, and
    there are no fewer LUTs in all.
    """
    return (f"synth_ecp5 -nowidelut -top {top} -run begin:map_ffs\n"
            f"opt_clean\n{FLIP_FLOPS}\n"
            f"synth_ecp5 -nowidelut -top {top} -run map_ffs:\n")


def distinct_names(rtlil):
    """RTLIL text in which no wire is called like a bit of another one.

    Amaranth calls an element of an array `payload[3]` beside the whole, `payload`; ABC's result
    has `payload[3]` for bit 3 of the whole, and Yosys, which puts both in one place, ends with
    "Assert `GetSize(conn.first) == GetSize(conn.second)' failed" in `abc_ops_reintegrate`, if bit
    3 is left at all. An element is called `payload.3` here.
    """
    return re.sub(r"\\\S*\[\d+\]\S*", lambda name: re.sub(r"\[(\d+)\]", r".\1", name[0]), rtlil)
