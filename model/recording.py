"""What the authors' code computed with a model: ref.npz and ints.npz beside its checkpoint.

ref.npz : `input_ids` int [B, T]; `logits_step` float [B, T, V], one token at a time;
    `hidden_states` float [L+1, B, T, d], the residual before each block and, last, the residual
    after all blocks and the final norm; `greedy` int [G], the continuation of the first row
ints.npz : for every BitLinear of one step, under its released key: `KEY.ternary` [out, in], `.x`
    its input [in], `.act_q` int8 codes [in], `.acc` accumulators [out]
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import CheckpointError, one_line
from .settings import is_matrix


@dataclass(frozen=True)
class Linear:
    """One BitLinear as recorded: trits int64 [out, in], x float32 [in], codes [in], acc [out]."""

    trits: np.ndarray
    x: np.ndarray
    codes: np.ndarray
    accumulators: np.ndarray


class _Archive:
    """An .npz file whose arrays are checked as they are read."""

    def __init__(self, path):
        self.path = path
        if not path.is_file():
            raise CheckpointError(f"{path}: missing; expected what the authors' code computed")
        try:
            self.arrays = np.load(path, allow_pickle=False)
            self.names = set(self.arrays.files)
        except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{path}: no .npz archive: {one_line(error)}") from None

    def read(self, name, shape, *, whole=True, below=None, flat=False):
        """The array `name`, int64 if `whole`, else float32; None in `shape` fits any size.

        below : what whole numbers of at least 0 must be below
        flat : axes of length 1 around the vector do not count
        """
        array = self._array(name)
        array = array.reshape(-1) if flat and max(array.shape, default=0) == array.size else array
        if len(array.shape) != len(shape) or any(
                size == 0 or want not in (None, size) for size, want in zip(array.shape, shape)):
            expected = ["any" if size is None else size for size in shape]
            raise self._error(name, f"has shape {list(array.shape)}", f"shape {expected}")
        if array.dtype.kind not in ("iu" if whole else "fiu"):
            raise self._error(name, f"holds {array.dtype}", "integers" if whole else "floats")
        if not np.isfinite(array).all():
            raise self._error(name, "holds NaN or infinity", "finite numbers")
        if below is not None and (array.min() < 0 or array.max() >= below):
            raise self._error(name, f"holds {array.min()} to {array.max()}", f"0 to {below - 1}")
        return array.astype(np.int64 if whole else np.float32)

    def _array(self, name):
        if name not in self.names:
            raise CheckpointError(f"{self.path}: array {name} is missing; found "
                                  f"{len(self.names)} others")
        try:
            return self.arrays[name]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:
            raise CheckpointError(f"{self.path}: array {name} cannot be read: "
                                  f"{one_line(error)}") from None

    def _error(self, name, found, expected):
        return CheckpointError(f"{self.path}: array {name} {found}; expected {expected}")


class Recording:
    """The recorded run of a model.

    Parameters
    ----------
    folder : path of the folder with ref.npz and ints.npz
    shape : ModelShape of the checkpoint there

    Members
    -------
    tokens int64 [B, T]; logits float32 [B, T, V]; hidden float32 [L+1, B, T, d]; greedy int64 [G]

    Raises
    ------
    CheckpointError : naming the file and the array that is missing or does not fit the model
    """

    def __init__(self, folder, shape):
        folder = Path(folder)
        run, self._integers = _Archive(folder / "ref.npz"), _Archive(folder / "ints.npz")
        self._shapes = {key.removesuffix(".weight"): size for key, size in shape.each_tensor()
                        if is_matrix(key)}
        vocabulary = shape.vocabulary
        self.tokens = run.read("input_ids", (None, None), below=vocabulary)
        batch, length = self.tokens.shape
        self.logits = run.read("logits_step", (batch, length, vocabulary), whole=False)
        self.hidden = run.read("hidden_states", (shape.layers + 1, batch, length, shape.hidden),
                               whole=False)
        self.greedy = run.read("greedy", (None,), below=vocabulary)

    def __len__(self):
        return len(self._shapes)

    def linears(self):
        """Yields (released key without `.weight`, Linear) of every BitLinear."""
        for key, (rows, columns) in self._shapes.items():
            read = self._integers.read
            yield key, Linear(read(f"{key}.ternary", (rows, columns)),
                              read(f"{key}.x", (columns,), whole=False, flat=True),
                              read(f"{key}.act_q", (columns,), flat=True),
                              read(f"{key}.acc", (rows,), flat=True))
