"""The engine: whole tokens of a packed model on some threads of this processor."""

import ctypes
import weakref

import numpy as np

from ..common import generator
from .errors import CpuError


class Engine:
    """Runs a Packed model.

    Parameters
    ----------
    packed : layout.Packed
    threads : int, at least 1
    """

    def __init__(self, packed, threads=1):
        self.packed, self.threads, self._library = packed, threads, packed.library
        self._engine = self._library.engine_new(ctypes.byref(packed.structure), packed.kernel,
                                                threads)
        if not self._engine:
            raise CpuError(f"no memory for the vectors of {threads} threads")
        weakref.finalize(self, self._library.engine_free, self._engine)

    def _run(self, function, *arguments):
        if function(self._engine, *arguments):
            raise CpuError(f"the system does not start {self.threads} threads")

    def generate(self, prompt, count, *, temperature=0, seed=0):
        """(tokens [count], times) after reading `prompt` from a zero state.

        temperature, seed : as golden.Golden.generate
        times : float64 [prompt + count], seconds: the start, then the end of each token
        """
        shape = self.packed.model.shape
        prompt = np.asarray(prompt, np.int64)
        if not len(prompt) or prompt.min() < 0 or prompt.max() >= shape.vocabulary:
            raise CpuError(f"the prompt must have tokens from 0 to {shape.vocabulary - 1}")
        tokens, times = np.zeros(count, np.int64), np.zeros(len(prompt) + count)
        self._run(self._library.engine_generate, prompt.ctypes.data, len(prompt), count,
                  temperature, generator.initial(seed), tokens.ctypes.data, times.ctypes.data)
        return tokens.tolist(), times

    def logits(self):
        """int32 [V] of the last sampled token."""
        pointer = self._library.engine_logits(self._engine)
        return np.ctypeslib.as_array(pointer, (self.packed.model.shape.vocabulary,)).copy()

    def state(self):
        """int64 [L, d] after the last token."""
        shape = self.packed.model.shape
        width = ctypes.c_int64()
        pointer = self._library.engine_state(self._engine, ctypes.byref(width))
        padded = np.ctypeslib.as_array(pointer, (shape.layers, width.value))
        return padded[:, :shape.hidden].copy()

    def products(self, count):
        """Seconds [count] that the ternary products of a token take alone."""
        times = np.zeros(count + 1)
        self._run(self._library.engine_products, count, times.ctypes.data)
        return np.diff(times)

    def read(self, count):
        """Seconds [count] that it takes to read the packed trits and do nothing with them."""
        times = np.zeros(count + 1)
        self._run(self._library.engine_read, self.packed.weights, self.packed.bytes, count,
                  times.ctypes.data)
        return np.diff(times)
