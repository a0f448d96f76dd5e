"""What the released models need of a board, computed from their shapes: `python docs/needs.py`.

Writes the table between its marks in docs/real-size.md.
"""

from pathlib import Path

from checkpoints_size import SIZES
from tritone.common.config import TRITS_PER_BYTE
from tritone.common.formats import DEFAULT
from tritone.common.page import marks, write_between

PAGE, MARKS = Path(__file__).resolve().parent / "real-size.md", marks("needs", "docs/needs.py")
MEMORIES = {"SDR x16, 133 MHz": 0.266, "DDR3 x16, 800 MT/s": 1.6, "DDR4 x64, 2400 MT/s": 19.2,
            "HBM2, 2 stacks": 460.0}  # GB/s, peak


def tape_bytes(shape):
    """Bytes that a token reads, and those of the embeddings."""
    inputs = shape.layers * (5 * shape.hidden + shape.inner) + shape.hidden
    slot = DEFAULT.slot_bits // 8
    return (shape.trits / TRITS_PER_BYTE + 2 * slot * inputs,
            slot * shape.vocabulary * shape.hidden)


def vector_bits(shape):
    """Bits of on-chip memory for vectors: state, residual, candidates, products, code inputs."""
    f = DEFAULT
    return (shape.layers * shape.hidden * f.state_bits + shape.hidden * f.residual_bits
            + shape.inner * (f.value_bits + f.product_bits + 2 * f.code_input_bits))


def table():
    """Markdown: a column a model."""
    rows = ["| | " + " | ".join(SIZES) + " |", "|---|" + "---|" * len(SIZES)]

    def row(name, value):
        rows.append(f"| {name} | " + " | ".join(value(s) for s in SIZES.values()) + " |")

    row("hidden, layers, intermediate", lambda s: f"{s.hidden}, {s.layers}, {s.inner}")
    row("ternary weights", lambda s: f"{s.trits / 1e6:,.0f} M")
    row("memory: tape with embeddings", lambda s: f"{sum(tape_bytes(s)) / 1e6:,.0f} MB")
    row("read for a token", lambda s: f"{tape_bytes(s)[0] / 1e6:,.0f} MB")
    row("on-chip memory for vectors", lambda s: f"{vector_bits(s) / 1e6:.1f} Mbit")
    row("accumulators", lambda s: f"{(127 * s.inner).bit_length() + 1} bits")
    for name, bandwidth in MEMORIES.items():
        row(f"tokens/s at most, {name}",
            lambda s: f"{bandwidth * 1e9 / tape_bytes(s)[0]:,.1f}")  # noqa: B023
    return "\n".join(["Computed from the shapes by `python docs/needs.py`; tokens/s is peak "
                      "bandwidth over bytes, which no memory quite gives.", "", *rows])


if __name__ == "__main__":
    write_between(PAGE, *MARKS, table())
