"""The linear layer of ternary weights and int8 codes, with its own norm.

``N`` counts vectors (batch times time), ``K`` inputs of a layer, ``M`` outputs. What is computed
is float32; activations come in and go out in the type of the caller's choice.
"""

import torch
from torch import nn

from .fused import bitlinear
from .quantiser import EPS, accumulate, integer_dtype, quantise_activation, quantise_weight


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
        wide = x.float()
        y = wide * (wide.pow(2).mean(-1, keepdim=True) + EPS).rsqrt() * self.weight
        return y.to(x.dtype)


class BitLinear(nn.Module):
    """Linear layer (M, K) with its own norm, int8 codes and ternary weights; no bias.

    Where it pays one fused operator does all of it (:mod:`.fused`); elsewhere it is done step by
    step. It pays on a GPU with activations of two bytes: in float32 the trainer's compiled steps
    are the faster way (docs/training.md). Set ``fused`` to False to do without.
    """

    fused = True

    @classmethod
    def fuses(cls, x):
        """Whether layers on these activations run as the fused operator."""
        return cls.fused and x.is_cuda and x.element_size() == 2

    def __init__(self, inputs, outputs, gain=1.0):
        super().__init__()
        self.norm = RMSNorm(inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * gain * inputs**-0.5)

    def forward(self, x):
        """(N, K) -> (N, M)."""
        if self.fuses(x):
            return bitlinear(x, [self.norm.weight], [self.weight])[0]
        return StraightThrough.apply(self.norm(x.float()), self.weight).to(x.dtype)


def together(layers, x):
    """Outputs (N, M) of several layers of equal sizes that read the same x (N, K)."""
    if BitLinear.fuses(x):
        return bitlinear(x, [layer.norm.weight for layer in layers],
                         [layer.weight for layer in layers])  # fmt: skip
    return [layer(x) for layer in layers]
