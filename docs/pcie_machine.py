"""Runs all of the KCU116's machine behind the simulated PCIe host.

    python docs/pcie_machine.py [--tokens 60]

Takes ten minutes. Compares the tokens of the shipped models with golden's, and writes the clocks
into docs/pcie.md.
"""

import argparse
import sys
from pathlib import Path

from results import run_json
from tritone.common.origin import commit
from tritone.common.page import marks, write_between
from tritone.sim.progress import step

PAGE = Path(__file__).resolve().parent / "pcie.md"
MARKS = marks("machine", "python docs/pcie_machine.py")
MODELS = "stories-200k", "stories-1m5", "stories-10m"
RUN = "host/generate.py --preset kcu116 --memory kcu116 --temperature 0.8 --json".split()


def row(model, tokens, revision):
    """A row of the table; the program ends if the gateware wrote something else than golden."""
    def run(board):
        return run_json(*RUN, "--board", board, "--model", f"models/{model}",
                        "--tokens", str(tokens))

    with step(f"{model} behind PCIe"):
        found, golden = run("pcie-sim"), run("golden")
    if found["tokens"] != golden["tokens"]:
        sys.exit(f"error: {model}: the gateware wrote {found['text']!r}, golden {golden['text']!r}")
    return (f"| {model} | {len(found['tokens'])} | {found['clocks_per_token']:,.1f} "
            f"| {golden['predicted_clocks_per_token']:,} | {found['tokens_per_second']:,.0f} "
            f"| simulated | {revision} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=60)
    options = parser.parse_args()
    revision = commit()
    rows = ["| model | tokens, all equal to golden's | clocks a token | predicted, with the "
            "preset's memory | tokens/s at 125 MHz | how | commit |",
            "|---|---|---|---|---|---|---|"]
    rows += [row(model, options.tokens, revision) for model in MODELS]
    write_between(PAGE, *MARKS, "\n".join(rows))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
