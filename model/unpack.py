"""`tritone unpack`: a packed model back to released form, with the same trits and means."""

import sys
import time
from pathlib import Path

import numpy as np

from .checkpoint import Checkpoint
from .command import parser, peak_memory, progress_bar, run
from .convert import check_apart, write_rest
from .errors import CheckpointError
from .packed import RECORD
from .settings import is_matrix
from .spread import plan, weights_of
from .ternary import ternarise
from .weights import SINGLE
from .writer import TensorFile, new_folder, refuse_existing

DESCRIPTION = """\
Turns a packed model back into released form. Its weights are not the original ones, which are
gone: they are values in the original dtype that quantise to the same trits and to the same mean,
bit for bit. A matrix without such values is written in float32, and a line says so."""
EXAMPLES = """\
example:
  tritone unpack build/packed -o build/released"""
FALLBACK = "F32"


def plan_matrix(checkpoint, key):
    """(dtype, Spread) for a matrix: its own dtype if that can be exact, else float32."""
    ternary = checkpoint.matrix(key)
    nonzeros = int(np.count_nonzero(ternary.trits))
    for dtype in dict.fromkeys((checkpoint.dtype(key), FALLBACK)):
        spread = plan(ternary.mean, nonzeros, ternary.trits.size - nonzeros, dtype)
        if spread is not None:
            return dtype, spread
    raise CheckpointError(f"{checkpoint.weights.path}: tensor {key} has {nonzeros} non-zero trits "
                          f"of {ternary.trits.size} and mean {ternary.mean}; expected a mean that "
                          "such weights can have")


def exact_weights(checkpoint, key, dtype, spread):
    """The weights of a matrix, checked to give back its trits and mean."""
    ternary = checkpoint.matrix(key)
    weights = weights_of(ternary.trits, spread, dtype)
    again = ternarise(weights.astype(np.float32))
    if again.mean != ternary.mean or not np.array_equal(again.trits, ternary.trits):
        raise CheckpointError(f"{checkpoint.weights.path}: tensor {key}: the weights found do not "
                              "give back its trits and mean: a fault of tritone unpack")
    return weights


def restore(checkpoint, folder, advance=lambda size: None):
    """Writes the released form of a packed Checkpoint; keys of matrices that became float32.

    advance : called with packed bytes, twice for a matrix: when planned and when written
    """
    plans, layout = {}, {}
    for key, shape in checkpoint.shapes.items():
        layout[key] = checkpoint.dtype(key), shape
        if is_matrix(key):
            plans[key] = plan_matrix(checkpoint, key)
            layout[key] = plans[key][0], shape
            advance(checkpoint.stored(key))
    wider = [key for key, (dtype, _) in plans.items() if dtype != checkpoint.dtype(key)]
    config = {key: value for key, value in checkpoint.config.items() if key != RECORD}
    if wider and "torch_dtype" in config:
        config["torch_dtype"] = "float32"  # a reader that casts to it must lose nothing
    write_rest(checkpoint, folder, config)
    with TensorFile(folder / SINGLE, layout, {"format": "pt"}) as out:  # as transformers asks
        for key in checkpoint.shapes:
            out.write(key, exact_weights(checkpoint, key, *plans[key]) if key in plans
                      else checkpoint.weights.read(key))
            advance(checkpoint.stored(key))
    return wider


def unpack(source, output, force=False):
    """Writes the released form of the packed folder `source` to `output`; a dict of what was."""
    began, source = time.monotonic(), Path(source)
    refuse_existing(output, force)
    checkpoint = Checkpoint(source)
    if not checkpoint.is_packed:
        raise CheckpointError(f"{source}: is in released form already; expected a folder that "
                              "tritone convert wrote")
    check_apart(source, output)
    total = sum(checkpoint.stored(key) * (1 + is_matrix(key)) for key in checkpoint.shapes)
    with new_folder(output, force) as partial, progress_bar() as bar:
        task = bar.add_task("unpacking", total=total)
        wider = restore(checkpoint, partial, lambda size: bar.advance(task, size))
    for key in wider:
        print(f"note: {key} is written in float32: no {checkpoint.dtype(key)} weights were found "
              "that have its mean exactly", file=sys.stderr)
    return {"source": str(source), "output": str(output), "tensors": len(checkpoint.shapes),
            "trits": checkpoint.shape.trits, "float32_matrices": wider,
            "bytes_written": (output / SINGLE).stat().st_size,
            "seconds": time.monotonic() - began, "peak_memory_bytes": peak_memory()}


def summary(figures):
    """One line for people."""
    return "{output}: {tensors} tensors, {bytes_written:,} bytes ({seconds:.1f} s)".format(
        **figures)


def main(arguments=None):
    options = parser("unpack", DESCRIPTION, EXAMPLES, "DIR", "folder of a packed model"
                     ).parse_args(arguments)
    return run(unpack, options, summary)


if __name__ == "__main__":
    sys.exit(main())
