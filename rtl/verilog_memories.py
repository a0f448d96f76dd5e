"""Memories that begin as zeros, in a few lines of Verilog instead of one for each word: nine tenths
of a machine's text, which Verilator takes half a minute to read."""

import re

# What Yosys writes: a declaration, and its words one by one.
MEMORY = re.compile(
    r"^(?P<declaration>  reg \[\d+:0\] (?P<name>\S+) +\[(?P<last>\d+):0\];\n)"
    r"  initial begin\n(?P<words>(?:    (?P=name) *\[\d+\] = \d+'h0+;\n)+)  end\n", re.MULTILINE)
LONGEST = 8  # words that are left as they are
# Defined where memories begin as zeros anyway, as those of the FPGA do: Yosys would
# make a cell of each word.
ZEROS = "ZEROS_AT_POWER_UP"


def with_loops(text):
    """The same Verilog, with a loop over each memory all of whose words begin as 0."""
    return MEMORY.sub(_loop, text)


def _loop(found):
    words = found["words"].count("\n")
    if words != int(found["last"]) + 1 or words <= LONGEST:
        return found[0]
    index = f"{re.sub(r'[^a-z0-9_]', '_', found['name'].lower())}_word"
    return (f"{found['declaration']}`ifndef {ZEROS}\n  integer {index};\n  initial\n"
            f"    for ({index} = 0; {index} < {words}; {index} = {index} + 1)\n"
            f"      {found['name']} [{index}] = 0;\n`endif\n")
