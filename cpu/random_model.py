"""A random model of a released shape, in memory: how fast, not what it writes."""

import numpy as np

from ..common.formats import DEFAULT
from ..model.checkpoint import Checkpoint, ModelShape
from ..model.integers import integer_model
from ..model.ternary import Ternary
from .errors import CpuError
from .machine import available_bytes

SHAPES = {"370M": ModelShape(1024, 24, 2816, 32000), "1.3B": ModelShape(2048, 24, 5632, 32000),
          "2.7B": ModelShape(2560, 32, 6912, 32000)}
BYTES_A_TRIT = 7  # golden's float32, the trits themselves, the engine's, and some room


class RandomCheckpoint(Checkpoint):
    """Uniform trits, gains near 1, everything else normal, by `seed`; no files."""

    def __init__(self, shape, seed=1):
        self.folder, self.shape, self.uses_lower_bound = "random", shape, True
        self.shapes, self._rng = shape.tensors(), np.random.default_rng(seed)

    def tensor(self, key):
        values = self._rng.standard_normal(self.shapes[key], np.float32)
        return 1 + values / 10 if key.endswith("norm.weight") else values * np.float32(0.02)

    def matrix(self, key):
        trits = self._rng.integers(-1, 2, self.shapes[key], np.int8)
        return Ternary(trits, np.float32(0.016))


def check_memory(shape):
    """CpuError when golden and engine of a shape have no room here."""
    needed, there = BYTES_A_TRIT * shape.trits, available_bytes()
    if there is not None and needed > there:
        raise CpuError(f"a model of {shape.trits:,} trits takes {needed / 1e9:.1f} GB beside the "
                       f"golden model; {there / 1e9:.1f} GB of memory are free")


def random_model(size, progress=None):
    """The IntegerModel of a random model of one of SHAPES."""
    check_memory(SHAPES[size])
    return integer_model(RandomCheckpoint(SHAPES[size]), DEFAULT, progress)
