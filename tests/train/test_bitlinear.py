"""Quantisers against values worked out by hand, and the layer against its formula."""

import torch

from tritone.train.bitlinear import BitLinear, StraightThrough
from tritone.train.quantiser import (
    quantise_activation,
    quantise_weight,
    round_half_away,
)


def test_activation_rounding_sends_ties_away_from_zero():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -0.49999997, 2.4, -2.6])
    expected = torch.tensor([1.0, 2, 3, -1, -2, -3, 0, 0, 2, -3])
    assert torch.equal(round_half_away(x), expected)


def test_weight_rounding_sends_ties_to_even():
    weight = torch.tensor([[0.5, -0.5, 1.5, -1.5], [0.75, -0.25, 2.0, 1.0]])
    trits, scale = quantise_weight(weight)
    assert scale == 1.0
    assert torch.equal(trits, torch.tensor([[0.0, 0, 1, -1], [1, 0, 1, 1]]))


def test_weight_scale_has_a_floor():
    trits, scale = quantise_weight(torch.zeros(2, 2))
    assert scale == torch.tensor(1e-5)
    assert not trits.any()


def test_largest_activation_gets_code_127():
    y = torch.tensor([[254.0, -127.0, 1.0, 3.0], [-0.5, 0.25, 0, 0]])
    codes, factor = quantise_activation(y)
    assert torch.equal(factor, torch.tensor([[0.5], [254.0]]))
    assert torch.equal(codes, torch.tensor([[127.0, -64, 1, 2], [-127, 64, 0, 0]]))


def test_activation_scale_has_a_floor():
    codes, factor = quantise_activation(torch.zeros(1, 3))
    torch.testing.assert_close(factor, torch.tensor([[127e5]]))
    assert not codes.any()


def test_layer_is_integer_product_and_two_scales():
    torch.manual_seed(3)
    layer, x = BitLinear(16, 8), torch.randn(5, 16)
    layer.norm.weight.data.uniform_(0.5, 2)
    y = x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * layer.norm.weight
    codes, factor = quantise_activation(y)
    trits, scale = quantise_weight(layer.weight)
    accumulators = (codes.long() @ trits.long().t()).float()
    torch.testing.assert_close(layer(x), accumulators * scale / factor)


def test_gradients_pass_straight_through_the_rounding():
    torch.manual_seed(4)
    y = torch.randn(5, 16, requires_grad=True)
    weight = torch.randn(8, 16, requires_grad=True)
    grad = torch.randn(5, 8)
    StraightThrough.apply(y, weight).backward(grad)
    codes, factor = quantise_activation(y.detach())
    trits, scale = quantise_weight(weight.detach())
    torch.testing.assert_close(y.grad, grad @ (trits * scale))
    torch.testing.assert_close(weight.grad, grad.t() @ (codes / factor))
