"""Checkpoint -> integers: everything that the golden model computes with and the tape carries.

Gains become block-fixed-point vectors, every floating-point factor of a matrix is folded into one
constant, and weights become trits. docs/numerics.md derives the constants.
"""

from dataclasses import dataclass
from math import frexp, sqrt

import numpy as np

from ..common.formats import DEFAULT
from .checkpoint import Checkpoint, CheckpointError

EPSILON = 1e-6
FINER = 4  # halvings of a step that are tried


@dataclass(frozen=True)
class Scalar:
    """A non-negative number mantissa * 2**exponent; the mantissa has its top bit set, or is 0."""

    mantissa: int
    exponent: int

    @classmethod
    def of(cls, value, bits):
        if value == 0:
            return cls(0, 0)
        fraction, exponent = frexp(value)
        mantissa = round(fraction * 2**bits)
        if mantissa == 2**bits:
            mantissa, exponent = mantissa // 2, exponent + 1
        return cls(mantissa, exponent - bits)


@dataclass(frozen=True)
class Norm:
    """One normalisation with the BitLinear that follows it.

    sum_gain [N] : gains inside the sum of squares; None repeats the sum of the norm before
    code_gain [N] : product of all gains before the int8 codes
    factor : what turns (largest code input / root of the sum of squares) into the output scale
    energy : weight of the energy register in the sum of squares, eps of a gated norm
    floor : constant of the sum of squares, in units of the source's least bit
    """

    source: str
    sum_gain: np.ndarray | None
    code_gain: np.ndarray
    factor: Scalar
    energy: Scalar
    constant: Scalar
    floors: np.ndarray | None = None


@dataclass(frozen=True)
class Layer:
    """Integers of one block; trits are int8 [out, in]."""

    norms: dict
    trits: dict


@dataclass(frozen=True)
class IntegerModel:
    """A model as the hardware knows it."""

    shape: object
    formats: object
    embedding: np.ndarray  # int64 [V, d]
    embedding_shift: int  # residual = embedding << shift
    layers: list
    head_norm: Norm
    head_trits: np.ndarray


def block_fixed(gains, bits):
    """Signed integers and the fraction bits that make max|gain| fill `bits` bits.

    gains = integers * 2**-fraction; an all-zero vector has fraction 0.
    """
    largest = float(np.abs(gains).max())
    if largest == 0:
        return np.zeros(len(gains), np.int64), 0
    fraction = bits - 1 - frexp(largest)[1]
    return saturated(gains, bits, fraction), fraction


def saturated(values, bits, fraction):
    """Signed integers of `bits` bits, the nearest to values * 2**fraction."""
    limit = 2 ** (bits - 1) - 1
    integers = np.rint(np.asarray(values, np.float64) * 2.0**fraction)
    return np.clip(integers, -limit, limit).astype(np.int64)


def closest_fixed(values, bits):
    """As block_fixed, with the fraction bits whose squared error is the least: in a few bits, all
    gain from a step up to 2**FINER times finer that only the largest do not fit."""
    def error(fixed):
        return float(np.square(fixed[0] * 2.0 ** -fixed[1] - values).sum())

    whole, fraction = block_fixed(values, bits)
    return min((whole, fraction), *((saturated(values, bits, finer), finer)
                                    for finer in range(fraction + 1, fraction + 1 + FINER)),
               key=error)


class Builder:
    """Norms and layers of a Checkpoint, in integers of `formats`."""

    def __init__(self, checkpoint, formats):
        self.checkpoint, self.formats = checkpoint, formats

    def norm(self, weight_scale, source, sum_gains, code_gains, *, gated=False, nested=True,
             floors=None, repeat=False):
        """Constants of one Norm; see docs/numerics.md, "The scale of a matrix"."""
        f = self.formats
        length = len(code_gains)
        sum_gain, sum_frac = block_fixed(sum_gains, f.sum_gain_bits)
        code_gain, code_frac = block_fixed(code_gains, f.code_gain_bits)
        sum_frac -= f.sum_drop + f.sum_gain_bits - 1  # of the square roots, without the source's
        code_frac -= f.code_input_drop
        source_frac = f.residual_frac if source == "residual" else f.product_frac
        unit = 2.0 ** (2 * (source_frac + sum_frac))
        inner = EPSILON if nested else 1.0  # eps of the inner norm, seen through the outer one
        constant = length * EPSILON * inner * unit
        energy = EPSILON * unit * 2.0 ** (-2 * f.energy_frac) if gated else 0.0
        factor = float(weight_scale) * sqrt(length) / 127 * 2.0 ** (sum_frac - code_frac)
        scalar = lambda value: Scalar.of(value, f.epsilon_bits)  # noqa: E731
        return Norm(source, None if repeat else sum_gain, code_gain,
                    Scalar.of(factor, f.scale_bits), scalar(energy), scalar(constant), floors)

    def layer(self, n, floors):
        get, key = self.checkpoint.tensor, f"model.layers.{n}"
        trits, scales = {}, {}
        for name in ("attn.i_proj", "attn.f_proj", "attn.g_proj", "attn.o_proj",
                     "mlp.gate_proj", "mlp.down_proj"):
            short = name.split(".")[1].removesuffix("_proj")
            trits[short], scales[short] = self.checkpoint.matrix(f"{key}.{name}.weight")
        gain = {short: get(f"{key}.{name}.norm.weight") for short, name in (
            ("i", "attn.i_proj"), ("f", "attn.f_proj"), ("g", "attn.g_proj"),
            ("o", "attn.o_proj"), ("gate", "mlp.gate_proj"), ("down", "mlp.down_proj"))}
        attention, mlp = get(f"{key}.attn_norm.weight"), get(f"{key}.mlp_norm.weight")
        gated = get(f"{key}.attn.g_norm.weight")
        limit = 2**self.formats.floor_bits - 1
        keep = np.clip(np.rint((1 - floors.astype(np.float64)) * (limit + 1)), 0, limit)
        ones = np.ones(self.checkpoint.shape.inner)
        norms = {
            "i": self.norm(scales["i"], "residual", attention, attention * gain["i"]),
            "f": self.norm(scales["f"], "residual", attention, attention * gain["f"],
                           floors=keep.astype(np.int64), repeat=True),
            "g": self.norm(scales["g"], "residual", attention, attention * gain["g"], repeat=True),
            "o": self.norm(scales["o"], "product", gated, gated * gain["o"], gated=True),
            "gate": self.norm(scales["gate"], "residual", mlp, mlp * gain["gate"]),
            "down": self.norm(scales["down"], "product", ones, gain["down"], nested=False),
        }
        return Layer(norms, trits)


def integer_model(source, formats=DEFAULT, progress=None):
    """The IntegerModel of a Checkpoint or its folder.

    progress : called with (layers done, layers) after each layer
    """
    checkpoint = source if isinstance(source, Checkpoint) else Checkpoint(source)
    build, shape = Builder(checkpoint, formats), checkpoint.shape
    embedding = checkpoint.tensor("model.embeddings.weight").astype(np.float64)
    integers, fraction = closest_fixed(embedding.reshape(-1), formats.embedding_bits)
    shift = formats.residual_frac - fraction
    if shift < 0:  # finer than the residual's least bit: what is below it would be lost anyway
        integers, shift = np.rint(embedding.reshape(-1) * 2.0**formats.residual_frac), 0
    if shift + formats.embedding_bits > formats.residual_bits:
        raise CheckpointError(f"{checkpoint.folder}: model.embeddings.weight reaches "
                              f"{np.abs(embedding).max():.3g}; the residual holds up to "
                              f"{2 ** (formats.residual_bits - 1 - formats.residual_frac)}")
    floors, layers = checkpoint.floors(), []
    for n in range(shape.layers):
        layers.append(build.layer(n, floors[n]))
        if progress:
            progress(n + 1, shape.layers)
    final = checkpoint.tensor("model.norm.weight")
    head_trits, head_scale = checkpoint.matrix("lm_head.weight")
    head_gain = checkpoint.tensor("lm_head.norm.weight")
    head = build.norm(head_scale, "residual", final, final * head_gain)
    return IntegerModel(shape, formats, integers.reshape(embedding.shape).astype(np.int64), shift,
                        layers, head, head_trits)
