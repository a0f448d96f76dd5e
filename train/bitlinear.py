"""Ternary weights, int8 activation codes, and the linear layer made of the two.

``N`` counts vectors (batch times time), ``K`` inputs of a layer, ``M`` outputs. Every tensor is
float32 unless its line says otherwise; the codes and trits are small integers held in a float
type that represents them exactly.
"""

import torch
from torch import nn

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


class StraightThrough(torch.autograd.Function):
    """``out = (t @ q) * mean|W| / a``, differentiated as if ``out = W @ y``.

    The backward products see the quantised operands: ``dy = dout @ (t mean|W|)`` and
    ``dW = dout^T @ (q / a)``.
    """

    @staticmethod
    def forward(ctx, y, weight):
        small = integer_dtype(y)
        codes, factor = quantise_activation(y)
        trits, scale = quantise_weight(weight)
        codes, trits = codes.to(small), trits.to(small)
        ctx.save_for_backward(codes, factor, trits, scale)
        return accumulate(codes, trits.t()) * scale / factor

    @staticmethod
    def backward(ctx, grad):
        codes, factor, trits, scale = ctx.saved_tensors
        grad_y = accumulate((grad * scale).to(trits.dtype), trits)
        grad_weight = accumulate((grad / factor).to(codes.dtype).t(), codes)
        return grad_y, grad_weight


class RMSNorm(nn.Module):
    """``x * gain / sqrt(mean(x^2) + eps)`` over the last axis; ``weight`` is the gain."""

    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * (x.pow(2).mean(-1, keepdim=True) + EPS).rsqrt() * self.weight


class BitLinear(nn.Module):
    """Linear layer (M, K) with its own norm, int8 codes and ternary weights; no bias."""

    def __init__(self, inputs, outputs, gain=1.0):
        super().__init__()
        self.norm = RMSNorm(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * gain * inputs**-0.5)

    def forward(self, x):
        """(N, K) -> (N, M)."""
        return StraightThrough.apply(self.norm(x), self.weight)
