"""The safetensors files of a model folder: one, or shards with an index.

Files are opened for each tensor and never held, so a reader's memory is one tensor.
"""

from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open

from .errors import CheckpointError, one_line
from .settings import read_json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.bin.index.json", "*.pt", "*.pth", "*.ckpt", "*.pkl")
DTYPES = {"F32": np.dtype(np.float32), "F16": np.dtype(np.float16),
          "BF16": np.dtype(ml_dtypes.bfloat16), "U8": np.dtype(np.uint8)}


@dataclass(frozen=True)
class Entry:
    """Where a tensor is: its file, safetensors' name of its dtype, and its shape."""

    path: Path
    dtype: str
    shape: tuple

    @property
    def size(self):
        """Bytes; None for a dtype that this project does not read."""
        dtype = DTYPES.get(self.dtype)
        return dtype and int(np.prod(self.shape, dtype=np.int64)) * dtype.itemsize


def refuse_pickle(path):
    raise CheckpointError(
        f"{path}: weights in a pickle, which are refused: unpickling runs any code that the file "
        f"brings; expected {SINGLE}, or shards with {INDEX}. Save the model as safetensors where "
        "you trust it (transformers: save_pretrained(folder, safe_serialization=True))")


def _open(path):
    if not path.is_file():
        raise CheckpointError(f"{path}: missing; expected the model's weights")
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file: "
                              f"{one_line(error)}") from None


def _entries(path):
    """key -> Entry of one file."""
    with _open(path) as file:
        slices = {key: file.get_slice(key) for key in file.keys()}
        return {key: Entry(path, s.get_dtype(), tuple(s.get_shape()))
                for key, s in slices.items()}


def _weight_map(path):
    """key -> file name, of an index."""
    places = read_json(path).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{path}: expected weight_map, an object of tensor -> file")
    for key, name in places.items():
        if not isinstance(name, str) or name != Path(name).name or name in ("", "..", "."):
            raise CheckpointError(f"{path}: tensor {key} is in {name!r}; "
                                  "expected the name of a file beside the index")
        if not name.endswith(".safetensors"):
            refuse_pickle(path.parent / name)
    return places


def _sharded(index):
    """key -> Entry of all shards; they must hold what the index says and nothing else."""
    places, entries = _weight_map(index), {}
    for name in sorted(set(places.values())):
        shard = index.parent / name
        found = _entries(shard)
        for key in sorted(k for k, place in places.items() if place == name):
            if key not in found:
                raise CheckpointError(f"{shard}: tensor {key} is missing; {index.name} says that "
                                      "it is in this file")
        for key, entry in found.items():
            if places.get(key) != name:
                raise CheckpointError(f"{shard}: unexpected tensor {key}; {index.name} says that "
                                      f"it is in {places.get(key, 'no file')}")
            entries[key] = entry
    return entries


class Weights:
    """All tensors of a folder.

    Parameters
    ----------
    folder : path; SINGLE is read where it exists, else the shards of INDEX

    Raises
    ------
    CheckpointError : no such file, a truncated one, or shards that contradict their index; a
        folder whose weights are pickles is refused unread
    """

    def __init__(self, folder):
        folder = Path(folder)
        self.path = folder / SINGLE
        if self.path.is_file():
            self.entries = _entries(self.path)
            return
        if (folder / INDEX).is_file():
            self.path = folder / INDEX
            self.entries = _sharded(self.path)
            return
        for pattern in PICKLES:
            for path in sorted(folder.glob(pattern)):
                refuse_pickle(path)
        raise CheckpointError(f"{self.path}: missing; expected the model's weights there, or "
                              f"shards with {INDEX}")

    def read(self, key):
        """The tensor `key` in its own dtype; CheckpointError for NaN or infinity."""
        entry = self.entries[key]
        with _open(entry.path) as file:
            try:
                tensor = file.get_tensor(key)
            except (SafetensorError, OSError) as error:
                raise CheckpointError(f"{entry.path}: tensor {key} cannot be read: "
                                      f"{one_line(error)}") from None
        if entry.dtype != "U8" and not np.isfinite(tensor).all():
            raise CheckpointError(f"{entry.path}: tensor {key} holds NaN or infinity; "
                                  "expected finite weights")
        return tensor
