"""Triton kernels of :mod:`.fused`: norm and codes in one pass, trits, product, and the way back.

N vectors, K inputs, M outputs. Codes and trits are int8, or bfloat16 where a float product eats
them; sums are float32, accumulators int32. Every launcher takes contiguous tensors.
"""

import torch
import triton
import triton.language as tl

from .quantiser import CODE_MAX, EPS, SCALE_FLOOR

STRIPS = 512  # programs of the norm's gradient, each of which sums its own gain gradient
TILE_ELEMENTS = 8192  # of one program of a row kernel


@triton.jit
def _codes(x_ptr, gain_ptr, codes_ptr, rms_ptr, factor_ptr, rows, width, eps, floor, largest,
           ROWS: tl.constexpr, WIDTH: tl.constexpr):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, WIDTH)
    inside = (row < rows)[:, None] & (column < width)[None, :]
    here = row.to(tl.int64)[:, None] * width + column[None, :]
    x = tl.load(x_ptr + here, mask=inside, other=0.0).to(tl.float32)
    gain = tl.load(gain_ptr + column, mask=column < width, other=0.0)
    rms = 1 / tl.sqrt(tl.sum(x * x, 1) / width + eps)
    y = x * rms[:, None] * gain[None, :]
    factor = largest / tl.maximum(tl.max(tl.abs(y), 1), floor)
    scaled = y * factor[:, None]
    whole = tl.floor(tl.abs(scaled))
    whole += tl.where(tl.abs(scaled) - whole >= 0.5, 1.0, 0.0)
    codes = tl.where(scaled < 0, -whole, whole)
    tl.store(codes_ptr + here, codes.to(codes_ptr.dtype.element_ty), mask=inside)
    tl.store(rms_ptr + row, rms, mask=row < rows)
    tl.store(factor_ptr + row, factor, mask=row < rows)


@triton.jit
def _trits(weight_ptr, mean_ptr, trits_ptr, count, BLOCK: tl.constexpr):
    here = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    scaled = tl.load(weight_ptr + here, mask=here < count, other=0.0) / tl.load(mean_ptr)
    # Half to even, then a clip to one: whatever is beyond a half.
    trits = tl.where(scaled > 0.5, 1.0, 0.0) - tl.where(scaled < -0.5, 1.0, 0.0)
    tl.store(trits_ptr + here, trits.to(trits_ptr.dtype.element_ty), mask=here < count)


@triton.jit
def _product(codes_ptr, trits_ptr, factor_ptr, mean_ptr, out_ptr, rows, outputs, width,
             ROWS: tl.constexpr, OUTPUTS: tl.constexpr, WIDTH: tl.constexpr,
             GROUP: tl.constexpr, EVEN: tl.constexpr):  # fmt: skip
    # Programs that follow one another share trits or codes in the cache: GROUP rows at a time.
    program, across = tl.program_id(0), tl.cdiv(outputs, OUTPUTS)
    first = program // (GROUP * across) * GROUP
    high = tl.minimum(tl.cdiv(rows, ROWS) - first, GROUP)
    row = (first + program % (GROUP * across) % high) * ROWS + tl.arange(0, ROWS)
    output = program % (GROUP * across) // high * OUTPUTS + tl.arange(0, OUTPUTS)
    column = tl.arange(0, WIDTH)
    # What a tile has beyond the edge is computed from rows that exist, and not stored.
    codes_at = codes_ptr + (row % rows).to(tl.int64)[:, None] * width + column[None, :]
    trits_at = trits_ptr + (output % outputs).to(tl.int64)[None, :] * width + column[:, None]
    accumulators = tl.zeros((ROWS, OUTPUTS), tl.int32)
    for start in range(0, width, WIDTH):
        if EVEN:
            codes, trits = tl.load(codes_at), tl.load(trits_at)
        else:
            inside = start + column < width
            codes = tl.load(codes_at, mask=inside[None, :], other=0)
            trits = tl.load(trits_at, mask=inside[:, None], other=0)
        accumulators = tl.dot(codes, trits, accumulators, out_dtype=tl.int32)
        codes_at += WIDTH
        trits_at += WIDTH
    factor = tl.load(factor_ptr + row, mask=row < rows, other=1.0)
    out = accumulators.to(tl.float32) * tl.load(mean_ptr) / factor[:, None]
    inside = (row < rows)[:, None] & (output < outputs)[None, :]
    here = row.to(tl.int64)[:, None] * outputs + output[None, :]
    tl.store(out_ptr + here, out.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _norm_gradient(x_ptr, gain_ptr, rms_ptr, factor_ptr, mean_ptr, dy_ptr, dx_ptr, dgain_ptr,
                   rows, width, ROWS: tl.constexpr, WIDTH: tl.constexpr):  # fmt: skip
    column = tl.arange(0, WIDTH)
    gain = tl.load(gain_ptr + column, mask=column < width, other=0.0)
    mean = tl.load(mean_ptr)
    dgain = tl.zeros((WIDTH,), tl.float32)
    for start in range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS):
        row = start + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & (column < width)[None, :]
        here = row.to(tl.int64)[:, None] * width + column[None, :]
        rms = tl.load(rms_ptr + row, mask=row < rows, other=0.0)
        scale = tl.load(factor_ptr + row, mask=row < rows, other=0.0) * mean
        unit = tl.load(x_ptr + here, mask=inside, other=0.0).to(tl.float32) * rms[:, None]
        dy = tl.load(dy_ptr + here, mask=inside, other=0.0).to(tl.float32) * scale[:, None]
        dunit = dy * gain[None, :]
        common = tl.sum(dunit * unit, 1) / width
        dx = rms[:, None] * (dunit - unit * common[:, None])
        tl.store(dx_ptr + here, dx.to(dx_ptr.dtype.element_ty), mask=inside)
        dgain += tl.sum(dy * unit, 0)
    tl.store(dgain_ptr + tl.program_id(0) * width + column, dgain, mask=column < width)


def _row_tile(width):
    """Columns and rows of a row kernel's tile: whole rows, some at a time where they are short."""
    columns = triton.next_power_of_2(width)
    return {"WIDTH": columns, "ROWS": max(1, min(16, TILE_ELEMENTS // 4 // columns)),
            "num_warps": 8 if columns >= 4096 else 4}  # fmt: skip


def quantise(x, gain, dtype=torch.int8):
    """x (N, K), gain (K) -> codes (N, K), 1 / root mean square (N), 127 / max|y| (N)."""
    rows, width = x.shape
    codes = torch.empty_like(x, dtype=dtype)
    rms, factor = (torch.empty(rows, device=x.device) for _ in range(2))
    tile = _row_tile(width)
    grid = (triton.cdiv(rows, tile["ROWS"]),)
    _codes[grid](x, gain, codes, rms, factor, rows, width, EPS, SCALE_FLOOR, CODE_MAX, **tile)
    return codes, rms, factor


def ternarise(weight, mean, dtype=torch.int8):
    """Weight (M, K) and its mean magnitude () -> trits (M, K)."""
    trits = torch.empty_like(weight, dtype=dtype)
    count = weight.numel()
    _trits[(triton.cdiv(count, 4096),)](weight, mean, trits, count, BLOCK=4096)
    return trits


def product(codes, trits, factor, mean, dtype):
    """codes (N, K), trits (M, K) -> ``codes @ trits^T * mean / factor`` (N, M)."""
    (rows, width), outputs = codes.shape, trits.shape[0]
    out = torch.empty(rows, outputs, dtype=dtype, device=codes.device)
    tall, wide = (128, 256) if rows >= 128 and outputs >= 256 else (64, 64)
    depth = next((d for d in (128, 64, 32) if width % d == 0), 32)
    grid = (triton.cdiv(rows, tall) * triton.cdiv(outputs, wide),)
    _product[grid](codes, trits, factor, mean, out, rows, outputs, width, ROWS=tall, OUTPUTS=wide,
                   WIDTH=depth, GROUP=8, EVEN=width % depth == 0, num_warps=8 if wide > 64 else 4,
                   num_stages=3)  # fmt: skip
    return out


def norm_gradient(x, gain, rms, factor, mean, dy):
    """Gradient of the norm: dy (N, K) before ``factor mean`` -> dx (N, K), dgain (K)."""
    rows, width = x.shape
    tile = _row_tile(width)
    strips = min(STRIPS, triton.cdiv(rows, tile["ROWS"]))
    dx, dgain = torch.empty_like(x), torch.empty(strips, width, device=x.device)
    _norm_gradient[(strips,)](x, gain, rms, factor, mean, dy, dx, dgain, rows, width, **tile)
    return dx, dgain.sum(0)
