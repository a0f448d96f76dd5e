"""The whole way of a model over PCIe: program, DMA, gateware; text equal to the golden model's."""

import json
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
OPTIONS = ("--preset", "tiny", "--model", "models/stories-200k", "--tokens", "4", "--prompt",
           "The dog", "--temperature", "0.8", "--seed", "11", "--json")


def generate(board, *more):
    """What host/generate.py prints at the end."""
    run = subprocess.run([sys.executable, "-m", "tritone.host.generate", "--board", board,
                          *OPTIONS, *more],
                         cwd=TREE, capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_machine_behind_pcie_writes_what_golden_writes():
    simulated, golden = generate("pcie-sim"), generate("golden")
    assert simulated["tokens"] == golden["tokens"] and len(golden["tokens"]) == 4
    assert simulated["provenance"] == "simulated"
    assert simulated["clocks_per_token"] == golden["predicted_clocks_per_token"]


def test_what_make_verilog_writes_does_so_too():
    """tritone.v of the board: link, machine and AxiMemory, in two clock domains, resets and all."""
    simulated, golden = generate("pcie-sim", "--memory", "kcu116"), generate("golden")
    assert simulated["tokens"] == golden["tokens"] and len(golden["tokens"]) == 4
    assert simulated["clock_hz"] == 125_000_000  # of the block, not of the preset
