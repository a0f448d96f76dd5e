"""Float reference: the arithmetic of the released code in float32, for holding integers to it.

Every function takes [..., N] and treats leading axes as independent tokens.
"""

from dataclasses import dataclass

import numpy as np

from .checkpoint import Checkpoint

EPSILON = np.float32(1e-6)


def rmsnorm(x, gain):
    """x / sqrt(mean x^2 + eps) * gain"""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * gain


def sigmoid(x):
    return np.float32(1) / (np.float32(1) + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def activation_codes(y):
    """int8 codes (as float32) and scale 127 / max|y|; halves away from zero"""
    scale = np.float32(127) / np.maximum(np.abs(y).max(axis=-1, keepdims=True), np.float32(1e-5))
    scaled = y * scale
    codes = np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))
    return np.clip(codes, -128, 127), scale


@dataclass
class BitLinear:
    """A ternary matrix with its own norm: trits [out, in], mean|W|, gain [in]."""

    trits: np.ndarray
    mean: np.float32
    gain: np.ndarray

    def __call__(self, x):
        """x [..., in] -> [..., out]"""
        codes, scale = activation_codes(rmsnorm(x, self.gain))
        return codes @ self.trits.T * (self.mean / scale)


class Reference:
    """Runs a released checkpoint in float32."""

    def __init__(self, source):
        checkpoint = source if isinstance(source, Checkpoint) else Checkpoint(source)
        self.shape, get = checkpoint.shape, checkpoint.tensor
        self.embedding = get("model.embeddings.weight")
        self.final, self.floors = get("model.norm.weight"), checkpoint.floors()
        self.linear, self.gains = {}, {}

        def linear(key):
            trits, mean = checkpoint.matrix(f"{key}.weight")
            return BitLinear(trits.astype(np.float32), mean, get(f"{key}.norm.weight"))

        for n in range(self.shape.layers):
            key = f"model.layers.{n}"
            for name in ("attn.i", "attn.f", "attn.g", "attn.o", "mlp.gate", "mlp.down"):
                self.linear[n, name] = linear(f"{key}.{name}_proj")
            for name in ("attn_norm", "attn.g_norm", "mlp_norm"):
                self.gains[n, name] = get(f"{key}.{name}.weight")
        self.lm_head = linear("lm_head")

    def start(self, *batch):
        return np.zeros((self.shape.layers, *batch, self.shape.hidden), np.float32)

    def block(self, n, r, state):
        """residual [..., d], state [..., d] of layer n -> both, updated"""
        linear = lambda name: self.linear[n, name]  # noqa: E731
        x = rmsnorm(r, self.gains[n, "attn_norm"])
        i, f, g = linear("attn.i")(x), linear("attn.f")(x), linear("attn.g")(x)
        floor = self.floors[n]
        f = floor + (1 - floor) * sigmoid(f)
        state = f * state + silu(i) * (1 - f)
        r = r + linear("attn.o")(rmsnorm(g, self.gains[n, "attn.g_norm"]) * silu(state))
        halves = linear("mlp.gate")(rmsnorm(r, self.gains[n, "mlp_norm"]))
        a, b = np.split(halves, 2, axis=-1)
        return r + linear("mlp.down")(silu(a) * b), state

    def step(self, tokens, state):
        """tokens [...], state [L, ..., d] (updated in place) -> logits [..., V]"""
        r = self.embedding[tokens]
        for n in range(self.shape.layers):
            r, state[n] = self.block(n, r, state[n])
        return self.lm_head(rmsnorm(r, self.final))
