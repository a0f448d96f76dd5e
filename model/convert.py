"""`tritone convert`: a released checkpoint to its packed form, a tensor at a time."""

import json
import shutil
import sys
import time
from dataclasses import asdict

from .checkpoint import Checkpoint
from .command import parser, peak_memory, progress_bar, run
from .errors import CheckpointError
from .packed import RECORD, Record, mean_key, pack_matrix, packed_tensors
from .settings import is_matrix
from .source import locate
from .tokenizer import FILE as TOKENIZER
from .tokenizer import check_tokenizer
from .weights import SINGLE
from .writer import TensorFile, new_folder, refuse_existing

DESCRIPTION = """\
Packs a released MatMul-free model: every ternary matrix becomes trits, five to a byte, and its
mean magnitude; everything else stays as it is. All commands read the packed folder like a released
one and compute the same with it."""
EXAMPLES = """\
examples:
  tritone convert models/stories-1m5 -o build/packed
  tritone convert ridger/MMfreeLM-370M -o build/370m        from Hugging Face

Weights are read from safetensors (float32, float16 or bfloat16), one file or shards with an index.
Pickles (.bin, .pt) are refused: unpickling runs code that the file brings."""
EXTRAS = (".json", ".model", ".md", ".txt")


def write_rest(checkpoint, folder, config):
    """All but the weights: config.json, tokenizer, generation settings, licence.

    The weights come last, so that a folder which has them is whole.
    """
    for path in sorted(checkpoint.folder.iterdir()):
        wanted = path.suffix in EXTRAS or path.name.startswith("LICENSE")
        if wanted and path.is_file() and not path.name.endswith(".index.json"):
            shutil.copyfile(path, folder / path.name)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def packed_layout(checkpoint):
    """Key -> (dtype, shape) of the packed file."""
    layout = {}
    for key, shape in checkpoint.shapes.items():
        if is_matrix(key):
            layout |= {k: (dtypes[0], s) for k, s, dtypes in packed_tensors(key, shape)}
        else:
            layout[key] = checkpoint.dtype(key), shape
    return layout


def pack(checkpoint, folder, advance=lambda size: None):
    """Writes the packed form of a released Checkpoint into `folder`; keys of all-zero matrices.

    advance : called with the bytes read, after each tensor
    """
    dtypes = {key: checkpoint.dtype(key) for key in checkpoint.shapes if is_matrix(key)}
    record = Record.of(checkpoint.shape, dtypes)
    write_rest(checkpoint, folder, checkpoint.config | {RECORD: asdict(record)})
    zero = []
    with TensorFile(folder / SINGLE, packed_layout(checkpoint), {"format": "tritone"}) as out:
        for key in checkpoint.shapes:
            if is_matrix(key):
                ternary = checkpoint.matrix(key)
                codes, mean = pack_matrix(ternary)
                out.write(key, codes)
                out.write(mean_key(key), mean)
                if not ternary.trits.any():
                    zero.append(key)
            else:
                out.write(key, checkpoint.weights.read(key))
            advance(checkpoint.stored(key))
    return zero


def check_apart(source, output):
    """CheckpointError when one folder lies in the other, as --force would delete the source."""
    source, output = source.resolve(), output.resolve()
    if source.is_relative_to(output) or output.is_relative_to(source):
        raise CheckpointError(f"{output}: lies in {source} or around it; expected a folder apart")


def convert(source, output, force=False):
    """Packs SOURCE into the new folder `output`; what was done, as a dict."""
    began = time.monotonic()
    refuse_existing(output, force)
    folder = locate(source)
    checkpoint = Checkpoint(folder)
    if checkpoint.is_packed:
        raise CheckpointError(f"{folder}: is packed already; expected a released model: packing "
                              "its trits again would lose their scale (tritone unpack goes back)")
    check_apart(folder, output)
    tokenizer = check_tokenizer(folder, checkpoint.shape.vocabulary)
    total = sum(checkpoint.stored(key) for key in checkpoint.shapes)
    with new_folder(output, force) as partial, progress_bar() as bar:
        task = bar.add_task("packing", total=total)
        zero = pack(checkpoint, partial, lambda size: bar.advance(task, size))
    return {"source": str(source), "output": str(output), "tensors": len(checkpoint.shapes),
            "trits": checkpoint.shape.trits, "zero_matrices": zero, "tokenizer": tokenizer,
            "bytes_read": total, "bytes_written": (output / SINGLE).stat().st_size,
            "seconds": time.monotonic() - began, "peak_memory_bytes": peak_memory()}


def summary(figures):
    """A few lines for people."""
    lines = ["{output}: {trits:,} trits; {bytes_read:,} bytes became {bytes_written:,} "
             "({seconds:.1f} s)".format(**figures)]
    lines += [f"note: {key} is all zeros" for key in figures["zero_matrices"]]
    return "\n".join(lines)


def main(arguments=None):
    options = parser("convert", DESCRIPTION, EXAMPLES, "SOURCE",
                     "folder of a released model, or a Hugging Face id owner/name"
                     ).parse_args(arguments)

    def work(source, output, force):
        figures = convert(source, output, force)
        if not figures["tokenizer"]:
            print(f"warning: {source} has no {TOKENIZER}: the packed model computes, but cannot "
                  "read or write text", file=sys.stderr)
        return figures

    return run(work, options, summary)


if __name__ == "__main__":
    sys.exit(main())
