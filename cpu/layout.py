"""An IntegerModel in the engine's form: C structures, and trits packed for a kernel."""

import weakref

import numpy as np

from ..common.tables import gumbel_pieces, sigmoid_pieces
from .errors import CpuError
from .library import Layer, Matrix, Model, Norm, Scalar

NORMS = ("i", "f", "g", "o", "gate", "down")
CACHE_LINE = 64
PAD = 64  # as in kernel.h
MOST_INPUTS = 130_000  # four trits in a byte: sums of 64 times a product fit 32 bits


def matrices(model):
    """Yields the trits [out, in] of each layer in the order of model.h, then those of the head."""
    inner = model.shape.inner
    for layer in model.layers:
        t = layer.trits
        yield from (t["i"], t["f"], t["g"], t["o"], t["gate"][:inner], t["gate"][inner:], t["down"])
    yield model.head_trits


class Packed:
    """A model for one kernel of a library.

    Parameters
    ----------
    library : Library for the model's formats
    kernel : name of one of its kernels
    model : IntegerModel

    Members
    -------
    structure : library.Model
    weights, bytes : address and size of all packed trits, in the order of a token

    Raises
    ------
    CpuError : a number of the model leaves 32 bits, or there is no memory
    """

    def __init__(self, library, kernel, model):
        self.library, self.kernel, self.model = library, library.kernels[kernel], model
        self._arrays = []  # whatever the structures point to
        shape = model.shape
        if max(shape.hidden, shape.inner) > MOST_INPUTS:
            raise CpuError(f"a matrix has {max(shape.hidden, shape.inner):,} inputs; sums of more "
                           f"than {MOST_INPUTS:,} may leave 32 bits")
        packed = self._pack()
        self.structure = Model(
            hidden=shape.hidden, layers=shape.layers, inner=shape.inner,
            vocabulary=shape.vocabulary, embedding_shift=model.embedding_shift,
            embedding=self._keep(model.embedding), layer=self._layers(packed),
            head_norm=self._norm(model.head_norm), head=packed[-1], sigmoid=self._sigmoid(),
            **dict(zip(("gumbel_base", "gumbel_slope"), map(self._keep, gumbel_pieces()))))

    def _keep(self, values):
        """Address of `values` as int32 with zeros behind, None for None; CpuError when one does not
        fit."""
        if values is None:
            return None
        values = np.asarray(values)
        array = np.zeros(-(-values.size // PAD) * PAD, np.int32)
        array[:values.size] = values.reshape(-1)
        if not np.array_equal(array[:values.size], values.reshape(-1)):
            raise CpuError("the model has a number beyond 32 bits, which the engine does not hold")
        self._arrays.append(array)
        return array.ctypes.data

    def _pack(self):
        """library.Matrix of each of matrices(model)."""
        lib, all_trits = self.library, list(matrices(self.model))
        sizes = [-(-lib.kernel_bytes_of(self.kernel, *t.shape) // CACHE_LINE) * CACHE_LINE
                 for t in all_trits]
        self.bytes = sum(sizes)
        self.weights = lib.weights_new(self.bytes)
        if not self.weights:
            raise CpuError(f"no memory for {self.bytes:,} bytes of packed trits")
        weakref.finalize(self, lib.weights_free, self.weights)
        packed, place = [], self.weights
        for trits, size in zip(all_trits, sizes):
            trits = np.ascontiguousarray(trits, np.int8)
            lib.kernel_pack(self.kernel, trits.ctypes.data, *trits.shape, place)
            packed.append(Matrix(place, *trits.shape))
            place += size
        return packed

    def _norm(self, norm):
        scalar = lambda s: Scalar(s.mantissa, s.exponent)  # noqa: E731
        return Norm(self._keep(norm.sum_gain), self._keep(norm.code_gain),
                    self._keep(norm.floors), scalar(norm.factor), scalar(norm.energy),
                    scalar(norm.constant))

    def _layers(self, packed):
        layers = (Layer * len(self.model.layers))()
        for n, layer in enumerate(self.model.layers):
            layers[n].norms[:] = [self._norm(layer.norms[name]) for name in NORMS]
            count = len(layers[n].matrices)
            layers[n].matrices[:] = packed[n * count:(n + 1) * count]
        self._arrays.append(layers)
        return layers

    def _sigmoid(self):
        """Address of int64 slope << 32 | base."""
        base, slope = (np.array(t, np.int64) for t in sigmoid_pieces(self.model.formats))
        self._arrays.append(slope << 32 | base)
        return self._arrays[-1].ctypes.data
