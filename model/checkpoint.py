"""Reads a MatMul-free model in the form its authors release: config.json and safetensors."""

import json
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes  # noqa: F401  registers bfloat16 with NumPy, which safetensors then returns
import numpy as np
from safetensors import SafetensorError, safe_open

from ..common.errors import TritoneError
from .ternary import ternarise

PROJECTIONS = ("i_proj", "f_proj", "g_proj", "o_proj")


class CheckpointError(TritoneError):
    """A checkpoint that is missing something or contradicts itself."""


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

    def tensors(self):
        """Released key -> shape, every tensor of the model."""
        d, inner, vocabulary = self.hidden, self.inner, self.vocabulary
        shapes = {"model.embeddings.weight": (vocabulary, d), "model.norm.weight": (d,),
                  "model.lower_bounds": (self.layers, d),
                  "lm_head.weight": (vocabulary, d), "lm_head.norm.weight": (d,)}
        for n in range(self.layers):
            layer = f"model.layers.{n}"
            for name in PROJECTIONS:
                shapes[f"{layer}.attn.{name}.weight"] = (d, d)
                shapes[f"{layer}.attn.{name}.norm.weight"] = (d,)
            shapes[f"{layer}.attn_norm.weight"] = (d,)
            shapes[f"{layer}.attn.g_norm.weight"] = (d,)
            shapes[f"{layer}.mlp_norm.weight"] = (d,)
            shapes[f"{layer}.mlp.gate_proj.weight"] = (2 * inner, d)
            shapes[f"{layer}.mlp.gate_proj.norm.weight"] = (d,)
            shapes[f"{layer}.mlp.down_proj.weight"] = (d, inner)
            shapes[f"{layer}.mlp.down_proj.norm.weight"] = (inner,)
        return shapes


class Checkpoint:
    """A released checkpoint on disk; tensors are read one at a time, as float32.

    Parameters
    ----------
    folder : path of a folder with config.json and model.safetensors

    Raises
    ------
    CheckpointError : at construction for a bad config or a missing, extra or misshapen tensor;
        at reading for a tensor with NaN or infinity.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = self._read_config()
        self.shape = self._shape()
        self._weights = self.folder / "model.safetensors"
        if not self._weights.is_file():
            raise CheckpointError(f"{self._weights}: missing; expected the model's weights")
        self._check_tensors()

    def _read_config(self):
        path = self.folder / "config.json"
        if not path.is_file():
            raise CheckpointError(f"{path}: missing; expected a model folder with config.json")
        try:
            config = json.loads(path.read_text())
        except ValueError as error:
            raise CheckpointError(f"{path}: not JSON: {error}") from None
        if not isinstance(config, dict):
            raise CheckpointError(f"{path}: expected a JSON object")
        if config.get("model_type") != "hgrn_bit":
            raise CheckpointError(f"{path}: model_type is {config.get('model_type')!r}; "
                                  "expected 'hgrn_bit'")
        if config.get("use_short_conv"):
            raise CheckpointError(f"{path}: use_short_conv is set; expected false: "
                                  "short convolutions are not supported")
        if abs(config.get("rms_norm_eps", 1e-6) - 1e-6) > 1e-12:
            raise CheckpointError(f"{path}: rms_norm_eps is {config['rms_norm_eps']}; "
                                  "expected 1e-06, the value that the released code uses")
        return config

    def _shape(self):
        def size(key):
            value = self.config.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise CheckpointError(f"{self.folder / 'config.json'}: {key} is {value!r}; "
                                      "expected a positive whole number")
            return value

        hidden = size("hidden_size")
        if self.config.get("intermediate_size") is None:
            ratio = self.config.get("hidden_ratio") or 4
            inner = 256 * -(-int(hidden * ratio * 2 / 3) // 256)
        else:
            inner = size("intermediate_size")
        return ModelShape(hidden, size("num_hidden_layers"), inner, size("vocab_size"))

    def _open(self):
        try:
            return safe_open(self._weights, framework="numpy")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{self._weights}: not a whole safetensors file: "
                                  f"{error}") from None

    def _check_tensors(self):
        expected = self.shape.tensors()
        if not self.uses_lower_bound:
            expected.pop("model.lower_bounds")
        with self._open() as weights:
            found = {key: tuple(weights.get_slice(key).get_shape()) for key in weights.keys()}
        for key, shape in expected.items():
            if key not in found:
                raise CheckpointError(f"{self._weights}: tensor {key} is missing; "
                                      f"expected shape {list(shape)}")
            if found[key] != shape:
                raise CheckpointError(f"{self._weights}: tensor {key} has shape "
                                      f"{list(found[key])}; expected {list(shape)}")
        if extra := sorted(set(found) - set(expected)):
            raise CheckpointError(f"{self._weights}: unexpected tensor {extra[0]}; "
                                  f"the model of config.json has {len(expected)} tensors")

    @property
    def uses_lower_bound(self):
        return bool(self.config.get("use_lower_bound", True))

    def tensor(self, key):
        """The tensor `key` as float32."""
        with self._open() as weights:
            tensor = weights.get_tensor(key).astype(np.float32)
        if not np.isfinite(tensor).all():
            raise CheckpointError(f"{self._weights}: tensor {key} holds NaN or infinity; "
                                  "expected finite weights")
        return tensor

    def matrix(self, key):
        """The Ternary of the weight matrix `key`: trits int8 [out, in] and mean, float32."""
        return ternarise(self.tensor(key))

    def floors(self):
        """Forget-gate floors, float32 [L, d]: cumsum(softmax(lower_bounds)) less its first row."""
        shape = self.shape
        if not self.uses_lower_bound:
            return np.zeros((shape.layers, shape.hidden), np.float32)
        bounds = self.tensor("model.lower_bounds")
        exponentials = np.exp(bounds - bounds.max(axis=0))
        shares = exponentials / exponentials.sum(axis=0)
        return np.cumsum(shares, axis=0) - shares[0]
