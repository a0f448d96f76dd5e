"""Measures, in simulation, which share of an SDRAM's peak long reads get, refresh included.

    python docs/sdram_share.py

The chip model of sim/sdram_chip.py checks every command meanwhile. Writes a row a machine into
docs/sdram.md.
"""

import re
import sys
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from sdram_machines import component, settings  # noqa: E402

from tritone.common.page import marks, write_between  # noqa: E402
from tritone.sim import runner  # noqa: E402
from tritone.sim.bench import machine  # noqa: E402
from tritone.sim.tb_sdram import use_of  # noqa: E402

PAGE = Path(__file__).resolve().parent / "sdram.md"
MARKS = marks("share", "python docs/sdram_share.py")
CASE, TESTBENCH, NAME = "long_reads_reach_the_peak", "tb_sdram", "simulated_sdram"
MACHINES = [
    settings("MT48LC16M16A2-6A", 100_000_000, 2), settings("MT48LC16M16A2-7E", 133_000_000, 2),
    settings("AS4C32M16SB-7", 100_000_000, 3), settings("AS4C32M16SB-7", 133_000_000, 3),
    settings("AS4C32M16SB-7", 133_000_000, 3, preset="virtual"),
    settings("W9825G6KH-6", 133_000_000, 3), settings("2xW9816G6JH-6", 100_000_000, 3),
    settings("2xW9816G6JH-6", 133_000_000, 3, preset="virtual"),
    settings("M12L64322A-5", 133_000_000, 3),
]


def share(parameters):
    """The share that the testbench logs, as text; the program ends if the case fails."""
    folder = runner.build(component(parameters), NAME)
    failure, log = runner.simulate(folder, NAME, TESTBENCH, CASE, parameters=parameters, wall=600)
    if failure:
        sys.exit(f"error: {failure}: {log.splitlines()[-1]}")
    return re.search(r"share of the peak: ([0-9.]+)", log)[1]


def main():
    rows = ["| part | MHz | CL | beats a word | share of the peak | how |",
            "|---|---|---|---|---|---|"]
    for parameters in MACHINES:
        with Console(stderr=True).status(parameters["part"]):
            found = float(share(parameters))
        beats = machine(parameters).word_bits // use_of(parameters).part.data_bits
        rows.append(f"| {parameters['part']} | {parameters['mem_hz'] // 1_000_000} "
                    f"| {parameters['cas_latency']} | {beats} | {found:.2%} | simulated |")
    write_between(PAGE, *MARKS, "\n".join(rows))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
