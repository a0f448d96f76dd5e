"""The fused BitLinear against its plain twin: values and gradients, operator and kernels.

Where there is no GPU the Triton kernels run in Triton's interpreter (see conftest.py).
"""

import pytest
import torch

from tritone.train import bitlinear_kernel, fused
from tritone.train.bitlinear import StraightThrough
from tritone.train.quantiser import quantise_activation, quantise_weight

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SHAPES = [(1, 1, 1, 1), (1, 5, 16, 8), (3, 33, 100, 70), (2, 130, 257, 150), (3, 3, 1500, 40)]


def case(shape, dtype=torch.float32, device=DEVICE):
    """x (N, K), J gains (K), J weights (M, K), output gradient (J, N, M); some vectors are 0."""
    torch.manual_seed(sum(shape))
    layers, rows, inputs, outputs = shape
    x = torch.randn(rows, inputs)
    x[::7] = 0
    gains = [torch.rand(inputs).add(0.5).to(device) for _ in range(layers)]
    weights = [torch.randn(outputs, inputs).to(device) for _ in range(layers)]
    grad = torch.randn(layers, rows, outputs)
    return x.to(device, dtype), gains, weights, grad.to(device, dtype)


def error(found, expected):
    """|found - expected| / |expected|"""
    scale = max(expected.float().norm().item(), 1e-30)
    return (found.float() - expected.float()).norm().item() / scale


def differentiated(function, x, gains, weights, grad):
    """Outputs and all gradients, in a list."""
    leaves = [t.clone().requires_grad_() for t in (x, *gains, *weights)]
    layers = len(gains)
    out = torch.stack(list(function(leaves[0], leaves[1:1 + layers], leaves[1 + layers:])))
    out.backward(grad)
    return [out.detach(), *(leaf.grad for leaf in leaves)]


def step_by_step(x, gains, weights):
    y = x * (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt()
    return [StraightThrough.apply(y * gain, weight) for gain, weight in zip(gains, weights)]


@pytest.mark.parametrize("shape", SHAPES)
def test_operator_equals_its_steps(shape):
    arguments = case(shape, device="cpu")
    for found, expected in zip(differentiated(fused.bitlinear, *arguments),
                               differentiated(step_by_step, *arguments), strict=True):
        assert error(found, expected) < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_kernel_codes_equal_the_quantiser(shape):
    x, gains, _, _ = case(shape)
    codes, rms, factors = bitlinear_kernel.quantise(x, torch.stack(gains))
    torch.testing.assert_close(rms, (x.pow(2).mean(-1) + 1e-6).rsqrt(), rtol=1e-5, atol=0)
    for found, factor, gain in zip(codes, factors, gains, strict=True):
        expected, scale = quantise_activation(x * rms[:, None] * gain)
        torch.testing.assert_close(factor, scale.flatten(), rtol=1e-5, atol=0)
        off = (found - expected).abs()
        assert off.max() <= 1  # a last-bit difference may cross a rounding tie
        assert off.sum() <= max(1, 1e-4 * off.numel())


def test_kernel_gives_quantised_activations():
    x, gains, _, _ = case(SHAPES[2])
    stacked = torch.stack(gains)
    codes, _, factor = bitlinear_kernel.quantise(x, stacked)
    undone, _, _ = bitlinear_kernel.quantise(x, stacked, torch.float32, undone=True)
    torch.testing.assert_close(undone, codes / factor[..., None])


@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16])
def test_kernel_trits_equal_the_quantiser(dtype):
    weight = torch.tensor([[0.5, -0.5, 1.5, -1.5], [0.75, -0.25, 2.0, 1.0]], device=DEVICE)
    pair = [weight, weight.flip(0) * 3]
    found = bitlinear_kernel.ternarise(pair, fused.mean_magnitudes(pair), dtype)
    for trits, one, mean in zip(found, pair, fused.mean_magnitudes(pair), strict=True):
        expected, scale = quantise_weight(one)
        assert trits.tolist() == expected.tolist()
        assert mean == scale


@pytest.mark.parametrize("shape", SHAPES)
def test_kernel_product_is_the_integer_product_and_two_scales(shape):
    layers, rows, inputs, outputs = shape
    torch.manual_seed(1)
    codes = torch.randint(-127, 128, (layers, rows, inputs), dtype=torch.int8)
    trits = torch.randint(-1, 2, (layers, outputs, inputs), dtype=torch.int8)
    factor, means = torch.rand(layers, rows) + 0.5, torch.rand(layers) + 0.5
    scale = means.double()[:, None, None] / factor.double()[..., None]
    expected = (codes.long() @ trits.long().mT).double() * scale
    found = bitlinear_kernel.product(*(t.to(DEVICE) for t in (codes, trits, factor, means)),
                                     torch.float32)
    torch.testing.assert_close(found.cpu().double(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernels_equal_the_plain_operator(shape, dtype):
    x, gains, weights, grad = case(shape, dtype)
    plain = x.cpu(), [t.cpu() for t in gains], [t.cpu() for t in weights]
    out, rms, _, means = fused.forward(*plain)
    bound = 1e-2 if dtype == torch.bfloat16 else 3e-4  # a flipped code moves its row
    assert error(fused.forward_with_kernels(x, gains, weights)[0].cpu(), out) < bound
    expected = fused.backward(grad.cpu(), *plain, rms, means)
    found = fused.backward_with_kernels(grad, x, gains, weights, rms.to(DEVICE), means.to(DEVICE))
    bound = 1e-2 if DEVICE == "cuda" or dtype == torch.bfloat16 else 3e-4  # bfloat16 products
    for a, b in zip(found, expected, strict=True):
        assert error(a.cpu(), b) < bound
