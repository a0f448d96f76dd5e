"""The recurrence's operator against the plain loop that defines it, values and gradients."""

import pytest
import torch

from tritone.train.scan import scan

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
SHAPES = [(1, 1, 1), (2, 5, 3), (3, 32, 32), (2, 33, 40), (4, 129, 128)]


def plain(f, c):
    states, h = [], torch.zeros_like(c[:, 0])
    for t in range(c.shape[1]):
        h = f[:, t] * h + c[:, t]
        states.append(h)
    return torch.stack(states, 1)


def differentiated(function, f, c, weight):
    f, c = f.clone().requires_grad_(), c.clone().requires_grad_()
    h = function(f, c)
    (h * weight).sum().backward()
    return h.detach(), f.grad, c.grad


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_equal_the_plain_loop(shape, device):
    torch.manual_seed(1)
    f, c, weight = (torch.rand(shape, device=device), *torch.randn(2, *shape, device=device))
    f[:, ::7] = 0
    for found, expected in zip(
        differentiated(scan, f, c, weight), differentiated(plain, f, c, weight), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_gradient_passes_through_a_strided_input():
    torch.manual_seed(2)
    f, c, weight = torch.rand(2, 6, 4), torch.randn(2, 6, 4), torch.randn(2, 6, 4)
    swapped = (x.transpose(0, 1).contiguous().transpose(0, 1) for x in (f, c))
    for found, expected in zip(
        differentiated(scan, *swapped, weight), differentiated(plain, f, c, weight), strict=True
    ):
        torch.testing.assert_close(found, expected)
