"""The BitLinear as one operator: norm, codes, trits and product, fused on a GPU.

``bitlinear(x, gain, weight)`` is what :class:`.bitlinear.BitLinear` computes step by step; its
backward is the same straight-through estimator. Of the activations only ``x`` and two numbers a
vector are kept for the backward, which makes the codes again. On a CPU the operator runs the
plain formulas, so that both sides of it can be compared anywhere.
"""

import torch

from .quantiser import EPS, SCALE_FLOOR, accumulate, integer_dtype, quantise_activation


def mean_magnitude(weight):
    """``max(mean|W|, 1e-5)`` (), without a temporary of the weight's size."""
    mean = torch.linalg.vector_norm(weight, 1) / weight.numel()
    return mean.clamp(min=SCALE_FLOOR)


@torch.library.custom_op("tritone::bitlinear", mutates_args=(), device_types="cpu")
def forward(
    x: torch.Tensor, gain: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """x (N, K), gain (K), weight (M, K) -> out (N, M), 1/rms (N), 127/max (N), mean|W| ()."""
    rms = (x.float().pow(2).mean(-1) + EPS).rsqrt()
    codes, factor = quantise_activation(x.float() * rms[:, None] * gain)
    mean = mean_magnitude(weight)
    out = codes @ (weight / mean).round().clamp(-1, 1).t() * mean / factor
    return out.to(x.dtype), rms, factor.flatten(), mean


@torch.library.custom_op("tritone::bitlinear_backward", mutates_args=(), device_types="cpu")
def backward(
    grad: torch.Tensor, x: torch.Tensor, gain: torch.Tensor, weight: torch.Tensor,
    rms: torch.Tensor, factor: torch.Tensor, mean: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    """(dx (N, K), dgain (K), dweight (M, K)) of the straight-through estimator."""
    unit = x.float() * rms[:, None]
    codes, _ = quantise_activation(unit * gain)
    trits = (weight / mean).round().clamp(-1, 1)
    dy = grad.float() @ (trits * mean)
    dunit = dy * gain
    dx = rms[:, None] * (dunit - unit * (dunit * unit).mean(-1, keepdim=True))
    dweight = grad.float().t() @ (codes / factor[:, None])
    return dx.to(x.dtype), (dy * unit).sum(0), dweight


@forward.register_kernel("cuda")
def _(x, gain, weight):
    from . import bitlinear_kernel as kernel

    mean = mean_magnitude(weight)
    codes, rms, factor = kernel.quantise(x.contiguous(), gain)
    out = kernel.product(codes, kernel.ternarise(weight, mean), factor, mean, x.dtype)
    return out, rms, factor, mean


@backward.register_kernel("cuda")
def _(grad, x, gain, weight, rms, factor, mean):
    return backward_with_kernels(grad, x, gain, weight, rms, factor, mean)


def backward_with_kernels(grad, x, gain, weight, rms, factor, mean):
    """:func:`backward` through the Triton kernels."""
    from . import bitlinear_kernel as kernel

    x, small = x.contiguous(), integer_dtype(x)
    codes, _, _ = kernel.quantise(x, gain, small)
    trits = kernel.ternarise(weight, mean, small)
    scaled = torch.empty_like(grad, dtype=small, memory_format=torch.contiguous_format)
    torch.div(grad, factor[:, None], out=scaled)
    dweight = accumulate(scaled.t(), codes)
    dy = scaled @ trits if x.dtype == small else accumulate(scaled, trits)
    return *kernel.norm_gradient(x, gain, rms, factor, mean, dy), dweight


@forward.register_fake
def _(x, gain, weight):
    rows = x.shape[0]
    return (x.new_empty(rows, weight.shape[0]), gain.new_empty(rows), gain.new_empty(rows),
            gain.new_empty(()))  # fmt: skip


@backward.register_fake
def _(grad, x, gain, weight, rms, factor, mean):
    return (torch.empty_like(x, memory_format=torch.contiguous_format), torch.empty_like(gain),
            torch.empty_like(weight))  # fmt: skip


def _save(ctx, inputs, output):
    ctx.save_for_backward(*inputs, *output[1:])
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad, *_):
    return backward(grad, *ctx.saved_tensors)


forward.register_autograd(_differentiate, setup_context=_save)


def bitlinear(x, gain, weight):
    """x (N, K) -> (N, M); differentiable in all three."""
    return forward(x, gain, weight)[0]
