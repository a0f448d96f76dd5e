"""The engine's library for ctypes: structures of cpu/model.h, functions of cpu/api.h."""

import ctypes as c
from functools import cache

from .compiler import build

P = c.POINTER


class Scalar(c.Structure):
    _fields_ = [("mantissa", c.c_int64), ("exponent", c.c_int64)]


class Norm(c.Structure):
    _fields_ = [("sum_gain", c.c_void_p), ("code_gain", c.c_void_p), ("floors", c.c_void_p),
                ("factor", Scalar), ("energy", Scalar), ("constant", Scalar)]


class Matrix(c.Structure):
    _fields_ = [("weights", c.c_void_p), ("rows", c.c_int64), ("inputs", c.c_int64)]


class Layer(c.Structure):
    _fields_ = [("norms", Norm * 6), ("matrices", Matrix * 7)]


class Model(c.Structure):
    _fields_ = [("hidden", c.c_int64), ("layers", c.c_int64), ("inner", c.c_int64),
                ("vocabulary", c.c_int64), ("embedding_shift", c.c_int64),
                ("embedding", c.c_void_p), ("layer", P(Layer)), ("head_norm", Norm),
                ("head", Matrix), ("sigmoid", c.c_void_p), ("gumbel_base", c.c_void_p),
                ("gumbel_slope", c.c_void_p)]


# name -> (result, arguments)
FUNCTIONS = {
    "kernel_name": (c.c_char_p, [c.c_int]),
    "kernel_panel": (c.c_int, [c.c_int]),
    "kernel_bytes_of": (c.c_int64, [c.c_int, c.c_int64, c.c_int64]),
    "kernel_pack": (None, [c.c_int, c.c_void_p, c.c_int64, c.c_int64, c.c_void_p]),
    "kernel_product": (None, [c.c_int, c.c_void_p, c.c_int64, c.c_void_p, c.c_int64, c.c_int64,
                              c.c_void_p]),
    "weights_new": (c.c_void_p, [c.c_int64]),
    "weights_free": (None, [c.c_void_p]),
    "engine_new": (c.c_void_p, [P(Model), c.c_int, c.c_int]),
    "engine_free": (None, [c.c_void_p]),
    "engine_generate": (c.c_int, [c.c_void_p, c.c_void_p, c.c_int64, c.c_int64, c.c_int32,
                                  c.c_uint64, c.c_void_p, c.c_void_p]),
    "engine_logits": (P(c.c_int32), [c.c_void_p]),
    "engine_state": (P(c.c_int64), [c.c_void_p, P(c.c_int64)]),
    "engine_products": (c.c_int, [c.c_void_p, c.c_int64, c.c_void_p]),
    "engine_read": (c.c_int, [c.c_void_p, c.c_void_p, c.c_int64, c.c_int64, c.c_void_p]),
    "block_codes": (c.c_int, [c.c_void_p, c.c_int64, P(Norm), c.c_int64, P(c.c_int64), c.c_void_p,
                              c.c_void_p]),
    "block_scale": (None, [c.c_void_p, c.c_int64, c.c_int64, c.c_int32, c.c_int, c.c_int, c.c_int,
                           c.c_void_p]),
    "block_elements": (None, [P(Model), c.c_int64, *[c.c_void_p] * 8]),
}


class Library:
    """The library for a set of formats.

    Members
    -------
    built : compiler.Built
    kernels : {name: number}, those that this processor runs
    """

    def __init__(self, formats):
        self.built = build(formats)
        self._library = c.CDLL(str(self.built.path))
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.kernels = {}
        while name := self.kernel_name(len(self.kernels)):
            self.kernels[name.decode()] = len(self.kernels)


@cache
def library(formats):
    """The Library for `formats`, loaded once."""
    return Library(formats)
