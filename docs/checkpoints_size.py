"""Packs a random model of a released size and writes time and memory into docs/checkpoints.md.

    python docs/checkpoints_size.py [--size 2.7B]

The model is written under build/ in shards as large as the released ones, packed and unpacked by
`tritone` in processes of their own, and deleted: 2.7B takes 12 GB of disk meanwhile.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from tritone.common.page import marks, write_between
from tritone.model.settings import ModelShape
from tritone.model.weights import DTYPES, INDEX
from tritone.model.writer import TensorFile

HERE = Path(__file__).resolve().parent
TREE = HERE.parent
SIZES = {"370M": ModelShape(1024, 24, 2816, 32000), "1.3B": ModelShape(2048, 24, 5632, 32000),
         "2.7B": ModelShape(2560, 32, 6912, 32000)}
SHARD_BYTES = 2 * 10**9
DTYPE = "BF16"
MARKS = marks("size", "docs/checkpoints_size.py")


def shards(shape):
    """[[key, ...], ...]: the tensors of a model, about SHARD_BYTES in each list."""
    lists, room = [], 0
    for key, dimensions in shape.each_tensor():
        size = int(np.prod(dimensions)) * DTYPES[DTYPE].itemsize
        if size > room:
            lists.append([])
            room = SHARD_BYTES
        lists[-1].append(key)
        room -= size
    return lists


def random_tensor(rng, key, dimensions):
    """Gains near 1, everything else normal."""
    values = rng.standard_normal(dimensions, np.float32)
    if key.endswith("norm.weight"):
        return (1 + values / 10).astype(DTYPES[DTYPE])
    values *= np.float32(0.02)
    return values.astype(DTYPES[DTYPE])


def write_model(folder, shape, seed=1):
    """A random model in released form, in shards with an index."""
    folder.mkdir(parents=True)
    rng, places, lists = np.random.default_rng(seed), {}, shards(shape)
    dimensions, console = shape.tensors(), Console(stderr=True)
    for n, keys in enumerate(lists):
        name = f"model-{n + 1:05}-of-{len(lists):05}.safetensors"
        layout = {key: (DTYPE, dimensions[key]) for key in keys}
        with TensorFile(folder / name, layout, {"format": "pt"}) as file:
            for key in track(keys, f"writing shard {n + 1} of {len(lists)}", console=console):
                file.write(key, random_tensor(rng, key, dimensions[key]))
                places[key] = name
    (folder / INDEX).write_text(json.dumps({"weight_map": places}))
    (folder / "config.json").write_text(json.dumps({
        "model_type": "hgrn_bit", "hidden_size": shape.hidden, "vocab_size": shape.vocabulary,
        "num_hidden_layers": shape.layers, "intermediate_size": shape.inner}))


def run_json(*command):
    """The JSON object that `tritone COMMAND` prints."""
    result = subprocess.run([sys.executable, "-m", "tritone.host.cli", *map(str, command)],
                            stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


def measure(folder, shape):
    """What convert and unpack report for a random model of a shape."""
    write_model(folder / "released", shape)
    packed = run_json("convert", folder / "released", "-o", folder / "packed", "--json")
    shutil.rmtree(folder / "released")
    back = run_json("unpack", folder / "packed", "-o", folder / "back", "--json")
    return packed, back


def table(size, packed, back):
    """Markdown of one measurement."""
    rows = [f"Measured by `python docs/checkpoints_size.py --size {size}`: a random model of the "
            f"{size} shape in {DTYPE} ({packed['trits']:,} trits), on one core of a "
            f"{platform.machine()} machine with Python {platform.python_version()}.", "",
            "| command | read | written | time | peak memory |", "|---|---|---|---|---|"]
    for name, figures, read in (("convert", packed, packed["bytes_read"]),
                                ("unpack", back, packed["bytes_written"])):
        rows.append(f"| `tritone {name}` | {read / 1e9:.2f} GB "
                    f"| {figures['bytes_written'] / 1e9:.2f} GB | {figures['seconds']:.0f} s "
                    f"| {figures['peak_memory_bytes'] / 1e9:.2f} GB |")
    return "\n".join([*rows, "", f"{len(back['float32_matrices'])} matrices had to be unpacked to "
                      "float32."])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="2.7B")
    parser.add_argument("--dry", action="store_true", help="print the table, leave docs alone")
    options = parser.parse_args()
    folder = TREE / "build" / "size"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        text = table(options.size, *measure(folder, SIZES[options.size]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(text)
    if not options.dry:
        write_between(HERE / "checkpoints.md", *MARKS, text)


if __name__ == "__main__":
    main()
