"""Reads a MatMul-free model: as its authors release it, or packed by `tritone convert`."""

from pathlib import Path

import numpy as np

from .errors import CheckpointError
from .packed import mean_key, packed_record, packed_tensors, read_matrix
from .settings import ModelShape, Settings, is_matrix
from .ternary import ternarise
from .weights import Weights

__all__ = ["Checkpoint", "CheckpointError", "ModelShape", "ternarise"]
RELEASED_DTYPES = ("F32", "F16", "BF16")


class Checkpoint:
    """A model on disk; tensors are read one at a time.

    Parameters
    ----------
    folder : path of a folder with config.json and safetensors, released or packed

    Raises
    ------
    CheckpointError : at construction for a bad config or a missing, extra or misshapen tensor;
        at reading for a tensor with NaN or infinity, or bytes that are no trits.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        settings = Settings(self.folder)
        self.config, self.shape = settings.fields, settings.shape
        self.uses_lower_bound = settings.uses_lower_bound
        self.record = packed_record(settings)
        self.weights = Weights(self.folder)
        self._check_tensors()
        self.shapes = self.shape.tensors()  # released key -> shape
        if not self.uses_lower_bound:
            del self.shapes["model.lower_bounds"]

    @property
    def is_packed(self):
        return self.record is not None

    def _expected(self):
        """Yields (key, shape, dtypes) of what must be in the files."""
        for key, shape in self.shape.each_tensor():
            if key == "model.lower_bounds" and not self.uses_lower_bound:
                continue
            if self.is_packed and is_matrix(key):
                yield from packed_tensors(key, shape)
            else:
                yield key, shape, RELEASED_DTYPES

    def _check_tensors(self):
        found, expected = self.weights.entries, set()
        for key, shape, dtypes in self._expected():
            expected.add(key)
            if key not in found:
                raise CheckpointError(f"{self.weights.path}: tensor {key} is missing; "
                                      f"expected shape {list(shape)}")
            entry = found[key]
            if entry.shape != shape:
                raise CheckpointError(f"{entry.path}: tensor {key} has shape "
                                      f"{list(entry.shape)}; expected {list(shape)}")
            if entry.dtype not in dtypes:
                raise CheckpointError(f"{entry.path}: tensor {key} has dtype {entry.dtype}; "
                                      f"expected {' or '.join(dtypes)}")
        if extra := sorted(set(found) - expected):
            raise CheckpointError(f"{found[extra[0]].path}: unexpected tensor {extra[0]}; "
                                  f"the model of config.json has {len(expected)} tensors")

    def tensor(self, key):
        """The tensor `key` as float32; of a packed model, any but the ternary matrices."""
        if self.is_packed and is_matrix(key):
            raise CheckpointError(f"{self.weights.path}: tensor {key} is packed; expected one that "
                                  "is not ternary")
        return self.weights.read(key).astype(np.float32)

    def matrix(self, key):
        """The Ternary of the weight matrix `key`: trits int8 [out, in] and mean, float32."""
        if not self.is_packed:
            return ternarise(self.tensor(key))
        return read_matrix(self.weights, key, self.shapes[key][1])

    def dtype(self, key):
        """safetensors' name of the dtype that `key` has, or had before it was packed."""
        if self.is_packed and is_matrix(key):
            return self.record.dtype_of(key)
        return self.weights.entries[key].dtype

    def stored(self, key):
        """Bytes that `key` takes in the files, for progress."""
        keys = [key, mean_key(key)] if self.is_packed and is_matrix(key) else [key]
        return sum(self.weights.entries[k].size for k in keys)

    def floors(self):
        """Forget-gate floors, float32 [L, d]: cumsum(softmax(lower_bounds)) less its first row."""
        shape = self.shape
        if not self.uses_lower_bound:
            return np.zeros((shape.layers, shape.hidden), np.float32)
        bounds = self.tensor("model.lower_bounds")
        exponentials = np.exp(bounds - bounds.max(axis=0))
        shares = exponentials / exponentials.sum(axis=0)
        return np.cumsum(shares, axis=0) - shares[0]
