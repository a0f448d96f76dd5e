"""config.json of a model: what it may say, and the sizes that follow from it.

docs/checkpoints.md lists the fields; any that is not here has no effect on the arithmetic.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from .errors import CheckpointError

PROJECTIONS = ("i_proj", "f_proj", "g_proj", "o_proj")
EPSILON = 1e-6
# field -> values that the arithmetic of this project has, and why no other; absent or null is
# the first of them, as in the released code's own defaults
FIXED = {
    "use_short_conv": ((False,), "short convolutions are not supported"),
    "tie_word_embeddings": ((False,), "the head is a ternary matrix, the embedding is not"),
    "expand_ratio": ((1,), "the recurrent state is as wide as the residual"),
    "attn_mode": (("fused_recurrent", "chunk"), "both are the same recurrence, others are not"),
    "hidden_act": (("swish", "silu"), "the released code computes this one, whatever is asked"),
}


def is_size(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model: `hidden` d, `layers` L, `inner` I, `vocabulary` V."""

    hidden: int
    layers: int
    inner: int
    vocabulary: int

    @property
    def trits(self):
        """Ternary weights: L (4 d^2 + 3 d I) + V d."""
        d, inner = self.hidden, self.inner
        return self.layers * (4 * d * d + 3 * d * inner) + self.vocabulary * d

    def each_tensor(self):
        """Yields (released key, shape), every tensor of the model."""
        d, inner, vocabulary = self.hidden, self.inner, self.vocabulary
        yield from {"model.embeddings.weight": (vocabulary, d), "model.norm.weight": (d,),
                    "model.lower_bounds": (self.layers, d),
                    "lm_head.weight": (vocabulary, d), "lm_head.norm.weight": (d,)}.items()
        for n in range(self.layers):
            layer = f"model.layers.{n}"
            for name in PROJECTIONS:
                yield f"{layer}.attn.{name}.weight", (d, d)
                yield f"{layer}.attn.{name}.norm.weight", (d,)
            yield f"{layer}.attn_norm.weight", (d,)
            yield f"{layer}.attn.g_norm.weight", (d,)
            yield f"{layer}.mlp_norm.weight", (d,)
            yield f"{layer}.mlp.gate_proj.weight", (2 * inner, d)
            yield f"{layer}.mlp.gate_proj.norm.weight", (d,)
            yield f"{layer}.mlp.down_proj.weight", (d, inner)
            yield f"{layer}.mlp.down_proj.norm.weight", (inner,)

    def tensors(self):
        """Released key -> shape, every tensor of the model."""
        return dict(self.each_tensor())


def is_matrix(key):
    """Whether a released key names a ternary matrix."""
    return key == "lm_head.weight" or key.endswith("_proj.weight")


def read_json(path):
    """The JSON object in a file; CheckpointError when it is none."""
    try:
        value = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: expected a JSON object")
    return value


class Settings:
    """A checked config.json.

    Parameters
    ----------
    folder : path of a model folder

    Raises
    ------
    CheckpointError : the file is missing, or asks for what this project does not compute
    """

    def __init__(self, folder):
        self.path = Path(folder) / "config.json"
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: missing; expected a model folder with config.json")
        self.fields = read_json(self.path)
        if self.fields.get("model_type") != "hgrn_bit":
            self._refuse("model_type", "'hgrn_bit'")
        self._check_fixed()
        self.shape = ModelShape(self._size("hidden_size"), self._size("num_hidden_layers"),
                                self._inner(), self._size("vocab_size"))
        self._check_heads()

    def _refuse(self, field, expected):
        raise CheckpointError(f"{self.path}: {field} is {self.fields.get(field)!r}; "
                              f"expected {expected}")

    def _size(self, field):
        if not is_size(value := self.fields.get(field)):
            self._refuse(field, "a positive whole number")
        return value

    def _inner(self):
        if self.fields.get("intermediate_size") is not None:
            return self._size("intermediate_size")
        ratio = self.fields.get("hidden_ratio")
        ratio = 4 if ratio is None else ratio
        if not (is_size(ratio) or isinstance(ratio, float) and 0 < ratio < math.inf):
            self._refuse("hidden_ratio", "a positive number, as intermediate_size is not given")
        return 256 * -(-int(self._size("hidden_size") * ratio * 2 / 3) // 256)

    def _check_fixed(self):
        for field, (accepted, why) in FIXED.items():
            value = self.fields.get(field)
            if value is not None and value not in accepted:
                self._refuse(field, f"{json.dumps(accepted[0])}: {why}")
        epsilon = self.fields.get("rms_norm_eps")
        epsilon = EPSILON if epsilon is None else epsilon
        if not isinstance(epsilon, (int, float)) or not abs(epsilon - EPSILON) <= 1e-12:
            self._refuse("rms_norm_eps", f"{EPSILON}, the value that the released code uses")
        if self.fields.get("use_lower_bound") not in (None, True, False):
            self._refuse("use_lower_bound", "true or false")

    def _check_heads(self):
        """num_heads cuts the state into pieces that are then treated alike: any divisor will do."""
        heads = self.fields.get("num_heads")
        heads = 1 if heads is None else heads
        if not is_size(heads) or self.shape.hidden % heads:
            self._refuse("num_heads", f"a divisor of hidden_size {self.shape.hidden}")

    @property
    def uses_lower_bound(self):
        value = self.fields.get("use_lower_bound")
        return True if value is None else bool(value)
