"""Quantisers of training: ternary weights and int8 activation codes.

``N`` counts vectors (batch times time), ``K`` inputs of a layer, ``M`` outputs. Codes and trits
are small integers held in a float type that represents them exactly.
"""

import torch

EPS = 1e-6
CODE_MAX = 127
SCALE_FLOOR = 1e-5


def round_half_away(x):
    """Nearest integer, ties away from zero (the activations' rounding)."""
    whole = x.trunc()
    return torch.where((x - whole).abs() == 0.5, whole + x.sign(), x.round())


def quantise_weight(weight):
    """Trits of a latent weight matrix and the one scale they share.

    ``t = clip(round_half_even(W / mean|W|), -1, 1)``; returns ``(t (M, K), mean|W| ())``.
    """
    scale = weight.abs().mean().clamp(min=SCALE_FLOOR)
    return (weight / scale).round().clamp(-1, 1), scale


def quantise_activation(y):
    """Codes of normalised vectors and the factor that made them.

    ``a = 127 / max|y|``, ``q = clip(round_half_away(y a), -128, 127)``; returns
    ``(q (N, K), a (N, 1))``.
    """
    factor = CODE_MAX / y.abs().amax(-1, keepdim=True).clamp(min=SCALE_FLOOR)
    return round_half_away(y * factor).clamp(-CODE_MAX - 1, CODE_MAX), factor


def integer_dtype(tensor):
    """The float type for codes and trits: both are exact in bfloat16, which tensor cores eat."""
    return torch.bfloat16 if tensor.is_cuda else torch.float32


def accumulate(a, b):
    """``a @ b`` with float32 accumulation; exact for codes times trits up to K = 132,000."""
    if a.is_cuda:
        return torch.mm(a, b, out_dtype=torch.float32)
    return a @ b
