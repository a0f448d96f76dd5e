"""The golden model: what the gateware computes, in integers only, read straight down the page.

One function for each hardware block. Arrays are int64 [..., N]; leading axes are independent
tokens of independent streams (a batch), so that a text can be scored in one go. Formats and their
error bounds are in docs/numerics.md.
"""

from dataclasses import dataclass

import numpy as np

from ..common.tables import sigmoid_pieces
from .sampler import Sampler

BIG = 62  # bits of the sum of squares


def shift_round(x, places):
    """x / 2**places, halves up; a negative count shifts left. `places` broadcasts."""
    if isinstance(places, int) and places > 0:
        return (x + (1 << (places - 1))) >> places
    right, left = np.maximum(places, 0), np.maximum(-places, 0)
    half = np.where(right > 0, np.left_shift(1, np.maximum(right - 1, 0)), 0)
    return ((x << left) + half) >> right


def saturate(x, bits):
    """x clipped to a symmetric signed range of `bits` bits: the most negative code is not used."""
    limit = (1 << (bits - 1)) - 1
    return np.clip(x, -limit, limit)


def bit_length(x):
    """Position of the highest set bit of x >= 0, plus one; 0 for 0."""
    high, low = x >> 31, x & 0x7FFFFFFF
    return np.where(high > 0, np.frexp(high)[1] + 31, np.frexp(low)[1])


def magnitude_bits(x):
    """Smallest b with -2**b <= x < 2**b for the whole vector.   [..., N] -> [..., 1]"""
    return bit_length(np.bitwise_or.reduce(x ^ (x >> 63), axis=-1, keepdims=True))


@dataclass
class Scales:
    """Scalars of one norm, one a token: [..., 1]."""

    code_shift: np.ndarray
    reciprocal: np.ndarray
    mantissa: np.ndarray
    exponent: np.ndarray


class Golden:
    """Runs an IntegerModel."""

    def __init__(self, model):
        self.model, self.f = model, model.formats
        self._sigmoid = [np.array(t, np.int64) for t in sigmoid_pieces(model.formats)]
        # float32 products of trits and codes are exact: |sum| <= 127 N < 2**24 up to N = 132,104
        self._weights = {id(t): np.ascontiguousarray(t.T, np.float32)
                         for t in [model.head_trits]
                         + [t for layer in model.layers for t in layer.trits.values()]}

    def start(self, *batch):
        """A zero state for `batch` independent streams."""
        shape = self.model.shape
        return np.zeros((shape.layers, *batch, shape.hidden), np.int64)

    # -- the blocks ------------------------------------------------------------------------

    def embedding(self, tokens):
        """tokens [...] -> residual [..., d]"""
        return self.model.embedding[tokens].astype(np.int64) << self.model.embedding_shift

    def normalise(self, x, norm, squares=None):
        """x [..., N] -> code inputs v [..., N]; largest |v|, sum of squares, exponent [..., 1]

        The vector is brought to mantissas by one exponent, then multiplied by two gains.
        """
        f = self.f
        exponent = magnitude_bits(x) - (f.mantissa_bits - 1)
        mantissa = saturate(shift_round(x, exponent), f.mantissa_bits)  # [..., N]
        v = mantissa * norm.code_gain >> f.code_input_drop  # [..., N]
        if norm.sum_gain is not None:
            n = saturate(shift_round(mantissa, f.sum_drop), f.sum_mantissa_bits)
            u = shift_round(n * norm.sum_gain, f.sum_gain_bits - 1)
            u = saturate(u, f.sum_mantissa_bits)
            squares = (u * u).sum(axis=-1, keepdims=True)
        return v, np.abs(v).max(axis=-1, keepdims=True), squares, exponent

    def scalars(self, largest, squares, exponent, energy, norm):
        """The scalar unit: 127 / largest for the quantiser, and the scale of the matrix's outputs.

        All arguments [..., 1]. Integer square root and integer division, both truncating.
        """
        f, bits = self.f, self.f.scale_bits
        code_shift = bit_length(largest) - (f.mantissa_bits - 1)
        # its upper bit set, or 0
        top = saturate(shift_round(largest, code_shift), f.mantissa_bits)
        reciprocal = np.where(top > 0, (127 << f.reciprocal_frac) // np.maximum(top, 1), 0)
        small = shift_floor(energy * norm.energy.mantissa, -norm.energy.exponent)
        small = small + shift_floor(np.int64(norm.constant.mantissa), -norm.constant.exponent)
        total = np.minimum(squares + shift_floor(small, 2 * exponent), (1 << BIG) - 1)
        half = (bit_length(total) - 2 * bits + 1) >> 1
        root = np.floor(np.sqrt(shift_floor(total, 2 * half).astype(np.float64))).astype(np.int64)
        quotient = (norm.factor.mantissa * top << 2) // np.maximum(root, 1)
        spare = np.maximum(bit_length(quotient) - bits, 0)
        mantissa = np.where(root > 0, quotient >> spare, 0)
        scale = norm.factor.exponent + code_shift - half - 2 + spare
        return Scales(code_shift, reciprocal, mantissa, scale)

    def quantise(self, v, scales):
        """v [..., N] -> int8 codes [..., N], round(127 v / max|v|)"""
        w = saturate(shift_round(v, scales.code_shift), self.f.mantissa_bits)
        return shift_round(w * scales.reciprocal, self.f.reciprocal_frac)

    def ternary_array(self, codes, trits):
        """codes [..., N], trits [M, N] -> accumulators [..., M]"""
        return (codes.astype(np.float32) @ self._weights[id(trits)]).astype(np.int64)

    def scale(self, accumulators, scales, bits, frac):
        """accumulators [..., M] -> fixed point of `frac` fraction bits, saturated to `bits`"""
        places = np.clip(-(scales.exponent + frac), -8, 54)
        return saturate(shift_round(accumulators * scales.mantissa, places), bits)

    def sigmoid(self, a):
        """a [...] -> sigmoid(a), unsigned with `sigmoid_frac` fraction bits: straight pieces"""
        f = self.f
        top = (1 << (f.value_frac + f.sigmoid_range_bits)) - 1
        magnitude = np.minimum(np.abs(a), top)
        fine = f.value_frac + f.sigmoid_range_bits - f.sigmoid_index_bits
        index, fraction = magnitude >> fine, magnitude & ((1 << fine) - 1)
        base, slope = self._sigmoid
        y = base[index] + (slope[index] * fraction >> fine)
        return np.where(a < 0, (1 << f.sigmoid_frac) - y, y)

    def silu(self, a):
        """a -> a sigmoid(a), same format"""
        return shift_round(a * self.sigmoid(a), self.f.sigmoid_frac)

    def mlgru(self, candidate, forget, floors, state):
        """candidate, forget [..., d] values, floors [d], state [..., d] -> new state [..., d]

        h + (silu(i) - h) (1 - f),   1 - f = (1 - floor) sigmoid(-forget)
        """
        f = self.f
        z = shift_round(floors * self.sigmoid(-forget), f.floor_bits)
        lift = f.state_frac - f.value_frac
        difference = saturate(shift_round((candidate << lift) - state, lift), f.value_bits)
        step = shift_round(difference * z, f.value_frac + f.sigmoid_frac - f.state_frac)
        return saturate(state + step, f.state_bits)

    def gate(self, a, b):
        """Values a, b [..., N] -> product in the format of the next norm's input"""
        f = self.f
        return saturate(shift_round(a * b, 2 * f.value_frac - f.product_frac), f.product_bits)

    def energy(self, a):
        """Values [..., N] -> sum of squares [..., 1] for the eps of a gated norm"""
        f = self.f
        e = saturate(shift_round(a, f.value_frac - f.energy_frac), f.energy_bits)
        return (e * e).sum(axis=-1, keepdims=True)

    # -- a token ---------------------------------------------------------------------------

    def linear(self, x, norm, squares=None, energy=0):
        """x -> codes, scales and the sum of squares of one BitLinear's input"""
        v, largest, squares, exponent = self.normalise(x, norm, squares)
        scales = self.scalars(largest, squares, exponent, energy, norm)
        return self.quantise(v, scales), scales, squares

    def values(self, codes, scales, trits):
        f = self.f
        return self.scale(self.ternary_array(codes, trits), scales, f.value_bits, f.value_frac)

    def add(self, r, codes, scales, trits):
        """residual + matrix output"""
        f = self.f
        update = self.scale(self.ternary_array(codes, trits), scales, f.residual_bits,
                            f.residual_frac)
        return saturate(r + update, f.residual_bits)

    def mixer(self, layer, r, state):
        """The token mixer: residual [..., d], state [..., d] -> both, updated"""
        norms, trits, f = layer.norms, layer.trits, self.f
        codes, scales, squares = self.linear(r, norms["i"])
        candidate = self.silu(self.values(codes, scales, trits["i"]))
        codes, scales, _ = self.linear(r, norms["f"], squares)
        forget = self.values(codes, scales, trits["f"])
        state = self.mlgru(candidate, forget, norms["f"].floors, state)
        lift = f.state_frac - f.value_frac
        swish = self.silu(saturate(shift_round(state, lift), f.value_bits))
        codes, scales, _ = self.linear(r, norms["g"], squares)
        g = self.values(codes, scales, trits["g"])
        codes, scales, _ = self.linear(self.gate(g, swish), norms["o"], energy=self.energy(g))
        return self.add(r, codes, scales, trits["o"]), state

    def mlp(self, layer, r):
        """The channel mixer: residual [..., d] -> residual"""
        norms, trits, inner = layer.norms, layer.trits, self.model.shape.inner
        codes, scales, _ = self.linear(r, norms["gate"])
        halves = self.values(codes, scales, trits["gate"])  # [..., 2 I]
        product = self.gate(halves[..., inner:], self.silu(halves[..., :inner]))  # [..., I]
        codes, scales, _ = self.linear(product, norms["down"])
        return self.add(r, codes, scales, trits["down"])

    def body(self, tokens, state):
        """tokens [...], state [L, ..., d] (updated in place) -> residual [..., d]"""
        r = self.embedding(tokens)
        for n, layer in enumerate(self.model.layers):
            r, state[n] = self.mixer(layer, r, state[n])
            r = self.mlp(layer, r)
        return r

    def head(self, r):
        """residual [..., d] -> logits [..., V] with 16 fraction bits"""
        codes, scales, _ = self.linear(r, self.model.head_norm)
        f = self.f
        return self.scale(self.ternary_array(codes, self.model.head_trits), scales,
                          f.logit_bits, f.logit_frac)

    def generate(self, prompt, count, *, temperature=0, seed=0, state=None):
        """Yields `count` sampled tokens after reading `prompt`.

        temperature : unsigned with 12 fraction bits, 0 is greedy; seed : 64 bits
        """
        state = self.start() if state is None else state
        sampler = Sampler(seed)
        for token in prompt[:-1]:
            self.body(token, state)
        token = prompt[-1]
        for _ in range(count):
            token = sampler.sample(self.head(self.body(token, state)), temperature)
            yield token


def shift_floor(x, places):
    """x >> places, or << for negative counts; truncating, `x` at least 0, result below 2**62.

    A left shift that would leave 62 bits gives all ones, which the caller's limit then keeps.
    """
    x, places = np.asarray(x, np.int64), np.asarray(places)
    right, left = np.clip(places, 0, 63), np.clip(-places, 0, 62)
    overflow = bit_length(x) + left > BIG
    return np.where(overflow, (1 << BIG) - 1, (x << np.where(overflow, 0, left)) >> right)
