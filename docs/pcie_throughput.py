"""Measures, in simulation, payload bytes a clock of long transfers by DMA.

    python docs/pcie_throughput.py

Runs two cases of sim/tb_pcie_endpoint.py and writes their figures into docs/pcie.md.
"""

import re
import sys
from pathlib import Path

from tritone.common.config import preset
from tritone.common.page import marks, write_between
from tritone.common.pcie import PcieUse
from tritone.rtl.pcie_endpoint import PcieEndpoint
from tritone.sim import runner
from tritone.sim.progress import step

PAGE = Path(__file__).resolve().parent / "pcie.md"
MARKS = marks("throughput", "python docs/pcie_throughput.py")
CONFIG = {"preset": "tiny", "changes": {"memory_rate": 1, "memory_latency": 8}}
NAME, TESTBENCH = "pcie_endpoint_throughput", "tb_pcie_endpoint"
WAYS = {"STORE": "host memory to the board's", "LOAD": "the board's memory to the host's"}


def measured(folder, case):
    """(kind, reached, carried), as the testbench logs them; the program ends if the case fails."""
    failure, log = runner.simulate(folder, NAME, TESTBENCH, case, parameters={"config": CONFIG},
                                   clocks=2_000_000, wall=900)
    if failure:
        sys.exit(f"error: {case}: {failure}")
    kind, reached, carried = re.search(r"(\w+): ([0-9.]+) of ([0-9.]+) bytes a clock", log).groups()
    return kind, float(reached), float(carried)


def main():
    box = PcieEndpoint(PcieUse(timeout=4000), preset(CONFIG["preset"], **CONFIG["changes"]))
    rows = ["| way | payload bytes a clock | what 64 bits carry | share | how |",
            "|---|---|---|---|---|"]
    with step("simulating long transfers"):
        folder = runner.build(box, NAME)
        for case in runner.cases(TESTBENCH):
            if case.startswith("throughput"):
                kind, reached, carried = measured(folder, case)
                rows.append(f"| {kind}, {WAYS[kind]} | {reached:.3f} | {carried:.3f} "
                            f"| {reached / carried:.1%} | simulated, 64 KiB, maximum payload 256 |")
    write_between(PAGE, *MARKS, "\n".join(rows))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
