"""The float reference and the golden model behind one face, for holding either to a record.

trits(key) int8 [out, in]; codes(key, x) int64 [in]; accumulate(key, codes) int64 [out];
start(*batch) -> state; step(tokens [...], state) -> logits as floats [..., V], state updated.
Keys are those of the released checkpoint, without `.weight`.
"""

import numpy as np

from .golden import Golden, saturate
from .integers import Norm, Scalar, block_fixed
from .reference import activation_codes, rmsnorm

NOTHING = Scalar(0, 0)


def place(key):
    """A matrix's layer and name, as in (3, "attn.i"); (None, "lm_head") for the head."""
    if key == "lm_head":
        return None, key
    _, _, layer, block, name = key.split(".")
    return int(layer), f"{block}.{name.removesuffix('_proj')}"


class FloatSide:
    """A Reference; its codes and accumulators as whole numbers."""

    def __init__(self, model):
        self.model, self.start, self.step = model, model.start, model.step

    def _linear(self, key):
        layer, name = place(key)
        return self.model.lm_head if layer is None else self.model.linear[layer, name]

    def trits(self, key):
        return self._linear(key).trits

    def codes(self, key, x):
        codes, _ = activation_codes(rmsnorm(x, self._linear(key).gain))
        return codes.astype(np.int64)

    def accumulate(self, key, codes):
        return (codes.astype(np.float32) @ self._linear(key).trits.T).astype(np.int64)


class GoldenSide:
    """An IntegerModel, run by Golden.

    The machine never sees a BitLinear's input by itself: its norm is folded with the one before.
    Here the input is brought to fixed point and its norm's own gain is all the gain there is.
    """

    def __init__(self, model, checkpoint):
        self.golden, self.checkpoint = Golden(model), checkpoint
        self.start = self.golden.start

    def trits(self, key):
        layer, name = place(key)
        model = self.golden.model
        if layer is None:
            return model.head_trits
        return model.layers[layer].trits[name.split(".")[1]]

    def codes(self, key, x):
        f, gated = self.golden.f, key.endswith(("o_proj", "down_proj"))
        bits, frac = ((f.product_bits, f.product_frac) if gated
                      else (f.residual_bits, f.residual_frac))
        fixed = saturate(np.rint(x.astype(np.float64) * 2.0**frac).astype(np.int64), bits)
        gain, _ = block_fixed(self.checkpoint.tensor(f"{key}.norm.weight"), f.code_gain_bits)
        norm = Norm("product" if gated else "residual", None, gain, NOTHING, NOTHING, NOTHING)
        v, largest, squares, exponent = self.golden.normalise(fixed, norm, np.int64(1))
        return self.golden.quantise(v, self.golden.scalars(largest, squares, exponent, 0, norm))

    def accumulate(self, key, codes):
        return self.golden.ternary_array(codes, self.trits(key))

    def step(self, tokens, state):
        logits = self.golden.head(self.golden.body(tokens, state))
        return logits * 2.0 ** -self.golden.f.logit_frac
