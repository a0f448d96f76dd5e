"""Triton kernels of :mod:`.scan`: one program carries a block of channels of one stream.

Time is cut in tiles of ``TILE`` moments. Inside a tile an associative scan over the pairs
``(f, c)`` composes the affine maps ``h -> f h + c`` in log steps; from tile to tile the state
stays in registers. The backward kernel walks the same tiles from the end.
"""

import torch
import triton
import triton.language as tl

TILE = 32
CHANNELS = 32


@triton.jit
def _compose(f1, c1, f2, c2):
    return f1 * f2, f2 * c1 + c2


@triton.jit
def _forward(f_ptr, c_ptr, h_ptr, length, width, TILE: tl.constexpr, CHANNELS: tl.constexpr):
    moment = tl.arange(0, TILE)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    base = tl.program_id(0).to(tl.int64) * length * width
    state = tl.zeros((CHANNELS,), tl.float32)
    for start in range(0, length, TILE):
        t = start + moment
        here = base + t[:, None] * width + channel[None, :]
        inside = (t < length)[:, None] & (channel < width)[None, :]
        f = tl.load(f_ptr + here, mask=inside, other=1.0)
        c = tl.load(c_ptr + here, mask=inside, other=0.0)
        decay, fresh = tl.associative_scan((f, c), 0, _compose)
        h = decay * state[None, :] + fresh
        tl.store(h_ptr + here, h, mask=inside)
        state = tl.sum(tl.where(moment[:, None] == TILE - 1, h, 0.0), 0)


@triton.jit
def _backward(f_ptr, h_ptr, grad_ptr, df_ptr, dc_ptr, length, width,
              TILE: tl.constexpr, CHANNELS: tl.constexpr):  # fmt: skip
    moment = tl.arange(0, TILE)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    base = tl.program_id(0).to(tl.int64) * length * width
    state = tl.zeros((CHANNELS,), tl.float32)
    for start in range(0, length, TILE):
        t = length - 1 - start - moment
        here = base + t[:, None] * width + channel[None, :]
        inside = (t >= 0)[:, None] & (channel < width)[None, :]
        later = inside & (t < length - 1)[:, None]
        earlier = inside & (t > 0)[:, None]
        f_next = tl.load(f_ptr + here + width, mask=later, other=1.0)
        grad = tl.load(grad_ptr + here, mask=inside, other=0.0)
        decay, fresh = tl.associative_scan((f_next, grad), 0, _compose)
        dc = decay * state[None, :] + fresh
        h_before = tl.load(h_ptr + here - width, mask=earlier, other=0.0)
        tl.store(dc_ptr + here, dc, mask=inside)
        tl.store(df_ptr + here, dc * h_before, mask=inside)
        state = tl.sum(tl.where(moment[:, None] == TILE - 1, dc, 0.0), 0)


def _launch(kernel, *tensors):
    streams, length, width = tensors[0].shape
    grid = (streams, triton.cdiv(width, CHANNELS))
    kernel[grid](*tensors, length, width, TILE=TILE, CHANNELS=CHANNELS, num_warps=4)


def forward(f, c):
    """All states (B, T, C) of contiguous float32 ``f`` and ``c``."""
    h = torch.empty_like(c)
    _launch(_forward, f, c, h)
    return h


def backward(f, h, grad):
    """``(df, dc)``, each (B, T, C)."""
    df, dc = torch.empty_like(f), torch.empty_like(f)
    _launch(_backward, f, h, grad, df, dc)
    return df, dc
