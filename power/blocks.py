"""Which box of docs/architecture.md a cell of the netlist belongs to, by its name."""

import re

BOXES = {
    "reader": "TapeReader", "decoder": "TapeDecoder", "embedder": "Embedder",
    "normaliser": "Normaliser", "scalars": "ScalarUnit", "quantiser": "Quantiser",
    "array": "TernaryArray", "scale": "Scale", "results": "Results", "sampler": "Sampler",
    "sequencer": "Sequencer", "signatures": "Signatures",
}
LINK, BETWEEN = "Link", "between boxes"  # stream buffers, counters, reset chain
BOX = re.compile(r"accelerator\.([a-z]+)(?:\$\d+)?\.")
LINKS = ("link", "memory__")


def block(cell):
    """The box of the cell called `cell`, as in accelerator.array.row_0.adder_TRELLIS_FF_Q."""
    if (found := BOX.match(cell)) and found[1] in BOXES:
        return BOXES[found[1]]
    return LINK if cell.startswith(LINKS) else BETWEEN
