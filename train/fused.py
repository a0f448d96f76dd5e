"""BitLinear layers as one operator: norm, codes, trits and product, fused on a GPU.

``bitlinear(x, gains, weights)`` is what J layers of :class:`.bitlinear.BitLinear` that read the
same vectors compute step by step; its backward is the same straight-through estimator. Of the
activations only ``x`` and J + 1 numbers a vector are kept for the backward, which makes the codes
again. On a CPU the operator runs the plain formulas, so that both sides can be compared anywhere.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .quantiser import EPS, SCALE_FLOOR, accumulate, integer_dtype, quantise_activation


def mean_magnitudes(weights):
    """``max(mean|W|, 1e-5)`` of each weight (J), without a temporary of a weight's size."""
    sums = torch.stack(torch._foreach_norm(weights, 1))
    return (sums / weights[0].numel()).clamp(min=SCALE_FLOOR)


@torch.library.custom_op("tritone::bitlinear", mutates_args=(), device_types="cpu")
def forward(
    x: Tensor, gains: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x (N, K), J gains (K), J weights (M, K) -> out (J, N, M), 1/rms (N), 127/max (J, N),
    mean|W| (J)."""
    rms = (x.float().pow(2).mean(-1) + EPS).rsqrt()
    means, out, factors = mean_magnitudes(weights), [], []
    for gain, weight, mean in zip(gains, weights, means):
        codes, factor = quantise_activation(x.float() * rms[:, None] * gain)
        out.append(codes @ (weight / mean).round().clamp(-1, 1).t() * mean / factor)
        factors.append(factor.flatten())
    return torch.stack(out).to(x.dtype), rms, torch.stack(factors), means


@torch.library.custom_op("tritone::bitlinear_backward", mutates_args=(), device_types="cpu")
def backward(
    grad: Tensor, x: Tensor, gains: Sequence[Tensor], weights: Sequence[Tensor], rms: Tensor,
    means: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """dx (N, K), dgains (J, K), dweights (J, M, K) of the straight-through estimator."""
    unit, dunit, dgains, dweights = x.float() * rms[:, None], 0, [], []
    for part, gain, weight, mean in zip(grad.float(), gains, weights, means):
        codes, factor = quantise_activation(unit * gain)
        dy = part @ ((weight / mean).round().clamp(-1, 1) * mean)
        dunit = dunit + dy * gain
        dgains.append((dy * unit).sum(0))
        dweights.append(part.t() @ (codes / factor))
    dx = rms[:, None] * (dunit - unit * (dunit * unit).mean(-1, keepdim=True))
    return dx.to(x.dtype), torch.stack(dgains), torch.stack(dweights)


@forward.register_kernel("cuda")
def forward_with_kernels(x, gains, weights):
    """:func:`forward` through the Triton kernels."""
    from . import bitlinear_kernel as kernel

    means = mean_magnitudes(weights)
    codes, rms, factor = kernel.quantise(x.contiguous(), torch.stack(gains))
    out = kernel.product(codes, kernel.ternarise(weights, means), factor, means, x.dtype)
    return out, rms, factor, means


@backward.register_kernel("cuda")
def backward_with_kernels(grad, x, gains, weights, rms, means):
    """:func:`backward` through the Triton kernels and two float products a layer."""
    from . import bitlinear_kernel as kernel

    x, small, stacked = x.contiguous(), integer_dtype(x), torch.stack(gains)
    grad = grad.to(small)
    quantised, _, _ = kernel.quantise(x, stacked, small, undone=True)
    trits = kernel.ternarise(weights, means, small)
    dweights = torch.stack([accumulate(g.t(), q) for g, q in zip(grad, quantised)])
    dy = torch.bmm(grad, trits)
    dx, dgains = kernel.norm_gradient(x, stacked, rms, means, dy)
    return dx, dgains, dweights


@forward.register_fake
def _(x, gains, weights):
    layers, rows, outputs = len(gains), x.shape[0], weights[0].shape[0]
    return (x.new_empty(layers, rows, outputs), gains[0].new_empty(rows),
            gains[0].new_empty(layers, rows), gains[0].new_empty(layers))  # fmt: skip


@backward.register_fake
def _(grad, x, gains, weights, rms, means):
    return (torch.empty_like(x, memory_format=torch.contiguous_format),
            gains[0].new_empty(len(gains), *gains[0].shape),
            weights[0].new_empty(len(weights), *weights[0].shape))  # fmt: skip


def _save(ctx, inputs, output):
    x, gains, weights = inputs
    ctx.layers = len(gains)
    ctx.save_for_backward(x, output[1], output[3], *gains, *weights)
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad, *_):
    x, rms, means, *rest = ctx.saved_tensors
    gains, weights = rest[:ctx.layers], rest[ctx.layers:]
    dx, dgains, dweights = backward(grad, x, gains, weights, rms, means)
    return dx, list(dgains.unbind()), list(dweights.unbind())


forward.register_autograd(_differentiate, setup_context=_save)


def bitlinear(x, gains, weights):
    """x (N, K) -> J outputs (N, M); differentiable in all inputs."""
    return forward(x, gains, weights)[0].unbind()
