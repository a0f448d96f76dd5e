"""Writes a safetensors file a tensor at a time, and folders whole or not at all.

The safetensors library writes only what is all in memory at once.
"""

import contextlib
import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np

from .errors import CheckpointError
from .weights import DTYPES

ALIGNMENT = 8  # of the header; the format asks that it ends on it


def _layout(tensors):
    """key -> (dtype, shape, start, stop); wider dtypes first, so that all lie aligned."""
    places, start = {}, 0
    for key in sorted(tensors, key=lambda k: (-DTYPES[tensors[k][0]].itemsize, k)):
        dtype, shape = tensors[key]
        stop = start + int(np.prod(shape, dtype=np.int64)) * DTYPES[dtype].itemsize
        places[key] = dtype, shape, start, stop
        start = stop
    return places


class TensorFile:
    """A safetensors file of which everything but the values is known at the start.

    Parameters
    ----------
    path : file to write; it is `path`.partial until every tensor is there
    tensors : key -> (safetensors' name of the dtype, shape)
    metadata : strings for the header
    """

    def __init__(self, path, tensors, metadata):
        self.path, self._partial = Path(path), Path(f"{path}.partial")
        self._places, self._left = _layout(tensors), set(tensors)
        header = {"__metadata__": metadata}
        header |= {key: {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}
                   for key, (dtype, shape, start, stop) in self._places.items()}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % ALIGNMENT)
        self._start = 8 + len(text)
        self._file = open(self._partial, "wb")
        self._file.write(struct.pack("<Q", len(text)) + text)

    def write(self, key, tensor):
        """Puts a tensor in its place; ValueError when it is not what was announced."""
        dtype, shape, start, _ = self._places[key]
        if tensor.dtype != DTYPES[dtype] or tensor.shape != tuple(shape):
            raise ValueError(f"{key}: {tensor.dtype} {tensor.shape}; expected {dtype} {shape}")
        self._file.seek(self._start + start)
        self._file.write(memoryview(np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)))
        self._left.discard(key)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._file.close()
        if kind is None:
            if self._left:
                raise ValueError(f"{self.path}: {sorted(self._left)[0]} was never written")
            os.replace(self._partial, self.path)


@contextlib.contextmanager
def new_folder(path, force=False):
    """A folder beside `path` to write into, which becomes `path` when the block ends well.

    Until then it is called .NAME.partial; an error or Ctrl-C removes it, and so does the next
    run after one that was killed.

    Raises
    ------
    CheckpointError : `path` exists and not `force`, or is no model folder
    """
    path = Path(os.path.abspath(path))
    refuse_existing(path, force)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        _replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(path, force):
    """CheckpointError when `path` is there; with `force` only when it is no model folder."""
    if not os.path.lexists(path):
        return
    if not force:
        raise CheckpointError(f"{path}: exists already; expected a new folder (--force replaces "
                              "a model folder)")
    if path.is_symlink() or not path.is_dir() or \
            any(path.iterdir()) and not (path / "config.json").is_file():
        raise CheckpointError(f"{path}: is no model folder; --force replaces nothing else")


def _replace(partial, path):
    """Renames `partial` to `path`, whose old contents go."""
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if path.exists():
            os.rename(path, old)
        os.rename(partial, path)
    except BaseException:
        if old.exists() and not path.exists():
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)
