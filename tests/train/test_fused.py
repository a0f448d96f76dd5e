"""The fused BitLinear against its plain twin: values and gradients, operator and kernels.

Where there is no GPU the Triton kernels run in Triton's interpreter (see conftest.py).
"""

import pytest
import torch

from tritone.train import bitlinear_kernel, fused
from tritone.train.bitlinear import StraightThrough
from tritone.train.quantiser import quantise_activation, quantise_weight

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SHAPES = [(1, 1, 1), (5, 16, 8), (33, 100, 70), (130, 257, 150), (3, 1500, 40)]


def case(shape, dtype=torch.float32, device=DEVICE):
    """x (N, K), gain (K), weight (M, K), output gradient (N, M); some vectors are all zero."""
    torch.manual_seed(sum(shape))
    rows, inputs, outputs = shape
    x, gain = torch.randn(rows, inputs), torch.rand(inputs) + 0.5
    x[::7] = 0
    weight, grad = torch.randn(outputs, inputs), torch.randn(rows, outputs)
    return tuple(t.to(device) for t in (x.to(dtype), gain, weight, grad.to(dtype)))


def error(found, expected):
    """|found - expected| / |expected|"""
    scale = max(expected.float().norm().item(), 1e-30)
    return (found.float() - expected.float()).norm().item() / scale


def differentiated(function, x, gain, weight, grad):
    leaves = [t.clone().requires_grad_() for t in (x, gain, weight)]
    out = function(*leaves)
    out.backward(grad)
    return [out.detach(), *(leaf.grad for leaf in leaves)]


def step_by_step(x, gain, weight):
    y = x * (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt() * gain
    return StraightThrough.apply(y, weight)


@pytest.mark.parametrize("shape", SHAPES)
def test_operator_equals_its_steps(shape):
    arguments = case(shape, device="cpu")
    for found, expected in zip(differentiated(fused.bitlinear, *arguments),
                               differentiated(step_by_step, *arguments), strict=True):
        assert error(found, expected) < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_kernel_codes_equal_the_quantiser(shape):
    x, gain, _, _ = case(shape)
    codes, rms, factor = bitlinear_kernel.quantise(x, gain)
    torch.testing.assert_close(rms, (x.pow(2).mean(-1) + 1e-6).rsqrt(), rtol=1e-5, atol=0)
    expected, scale = quantise_activation(x * rms[:, None] * gain)
    torch.testing.assert_close(factor, scale.flatten(), rtol=1e-5, atol=0)
    off = (codes - expected).abs()
    assert off.max() <= 1  # a last-bit difference may cross a rounding tie
    assert off.sum() <= max(1, 1e-4 * off.numel())


def test_kernel_codes_round_ties_away_from_zero():
    gain = torch.ones(4, device=DEVICE)
    x = torch.tensor([[127.0, 0.5, -1.5, 2.5], [-127, 1.49, -0.49, 126.5]], device=DEVICE)
    codes, _, _ = bitlinear_kernel.quantise(x, gain)
    assert codes.tolist()[1][0] == -127
    expected, _ = quantise_activation(x)
    assert (codes - expected).abs().max() <= 1


@pytest.mark.parametrize("dtype", [torch.int8, torch.bfloat16])
def test_kernel_trits_equal_the_quantiser(dtype):
    weight = torch.tensor([[0.5, -0.5, 1.5, -1.5], [0.75, -0.25, 2.0, 1.0]], device=DEVICE)
    found = bitlinear_kernel.ternarise(weight, fused.mean_magnitude(weight), dtype)
    expected, mean = quantise_weight(weight)
    assert found.tolist() == expected.tolist()
    assert fused.mean_magnitude(weight) == mean


@pytest.mark.parametrize("shape", SHAPES)
def test_kernel_product_is_the_integer_product_and_two_scales(shape):
    rows, inputs, outputs = shape
    torch.manual_seed(1)
    codes = torch.randint(-127, 128, (rows, inputs), dtype=torch.int8)
    trits = torch.randint(-1, 2, (outputs, inputs), dtype=torch.int8)
    factor, mean = torch.rand(rows) + 0.5, torch.tensor(0.3)
    expected = (codes.long() @ trits.long().t()).double() * 0.3 / factor.double()[:, None]
    found = bitlinear_kernel.product(*(t.to(DEVICE) for t in (codes, trits, factor, mean)),
                                     torch.float32)
    torch.testing.assert_close(found.cpu().double(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_kernels_equal_the_plain_operator(shape, dtype):
    x, gain, weight, grad = case(shape, dtype)
    plain = [t.cpu() for t in (x, gain, weight)]
    out, rms, factor, mean = fused.forward(*plain)
    codes, *found = bitlinear_kernel.quantise(x, gain)
    trits = bitlinear_kernel.ternarise(weight, mean.to(DEVICE))
    product = bitlinear_kernel.product(codes, trits, found[1], mean.to(DEVICE), dtype)
    bound = 1e-2 if dtype == torch.bfloat16 else 3e-4  # a flipped code moves its row
    assert error(product.cpu(), out) < bound
    expected = fused.backward(grad.cpu(), *plain, rms, factor, mean)
    kept = [t.to(DEVICE) for t in (rms, factor, mean)]
    bound = 1e-2 if DEVICE == "cuda" or dtype == torch.bfloat16 else 3e-4  # bfloat16 products
    for a, b in zip(fused.backward_with_kernels(grad, x, gain, weight, *kept), expected,
                    strict=True):
        assert error(a.cpu(), b) < bound
