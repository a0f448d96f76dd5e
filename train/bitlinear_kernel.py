"""Triton kernels of :mod:`.fused`: norm and codes in one pass, trits, product, and the way back.

N vectors, K inputs, M outputs, J layers that read the same vectors. Codes and trits are int8, or
bfloat16 where a float product eats them; sums are float32, accumulators int32. Every launcher takes
contiguous tensors.
"""

import torch
import triton
import triton.language as tl

from .quantiser import CODE_MAX, EPS, SCALE_FLOOR

MOST_LAYERS = 3
STRIPS = 1024  # programs of the norm's gradient, each of which sums its own gain gradient
TILE_ELEMENTS = 2048  # of one program of a row kernel, but at least two rows


@triton.jit
def _codes(x_ptr, gain_ptr, codes_ptr, rms_ptr, factor_ptr, rows, width, eps, floor, largest,
           LAYERS: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr,
           UNDONE: tl.constexpr):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, WIDTH)
    inside = (row < rows)[:, None] & (column < width)[None, :]
    here = row.to(tl.int64)[:, None] * width + column[None, :]
    x = tl.load(x_ptr + here, mask=inside, other=0.0).to(tl.float32)
    rms = 1 / tl.sqrt(tl.sum(x * x, 1) / width + eps)
    tl.store(rms_ptr + row, rms, mask=row < rows)
    plane = tl.full((), 0, tl.int64) + rows * width
    for layer in tl.static_range(LAYERS):
        gain = tl.load(gain_ptr + layer * width + column, mask=column < width, other=0.0)
        y = x * rms[:, None] * gain[None, :]
        factor = largest / tl.maximum(tl.max(tl.abs(y), 1), floor)
        scaled = y * factor[:, None]
        whole = tl.floor(tl.abs(scaled))
        whole += tl.where(tl.abs(scaled) - whole >= 0.5, 1.0, 0.0)
        codes = tl.where(scaled < 0, -whole, whole)
        if UNDONE:
            codes = codes / factor[:, None]
        tl.store(factor_ptr + layer * rows + row, factor, mask=row < rows)
        codes = codes.to(codes_ptr.dtype.element_ty)
        tl.store(codes_ptr + layer * plane + here, codes, mask=inside)


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
    layer = tl.program_id(1).to(tl.int64)
    codes_ptr += layer * rows * width
    trits_ptr += layer * outputs * width
    out_ptr += layer * rows * outputs
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
    factor = tl.load(factor_ptr + layer * rows + row, mask=row < rows, other=1.0)
    out = accumulators.to(tl.float32) * tl.load(mean_ptr + layer) / factor[:, None]
    inside = (row < rows)[:, None] & (output < outputs)[None, :]
    here = row.to(tl.int64)[:, None] * outputs + output[None, :]
    tl.store(out_ptr + here, out.to(out_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _through_gain(dy_ptr, gain_ptr, mean_ptr, layer, plane, here, inside, column, width):
    """One layer's gradient before its gain, and behind it."""
    gain = tl.load(gain_ptr + layer * width + column, mask=column < width, other=0.0)
    dy = tl.load(dy_ptr + layer * plane + here, mask=inside, other=0.0).to(tl.float32)
    dy *= tl.load(mean_ptr + layer)
    return dy, dy * gain[None, :]


@triton.jit
def _norm_gradient(x_ptr, gain_ptr, rms_ptr, mean_ptr, dy_ptr, dx_ptr, dgain_ptr, rows, width,
                   LAYERS: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr):  # fmt: skip
    column = tl.arange(0, WIDTH)
    plane = tl.full((), 0, tl.int64) + rows * width
    dgain0, dgain1, dgain2 = (tl.zeros((WIDTH,), tl.float32), tl.zeros((WIDTH,), tl.float32),
                              tl.zeros((WIDTH,), tl.float32))  # fmt: skip
    for start in range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS):
        row = start + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & (column < width)[None, :]
        here = row.to(tl.int64)[:, None] * width + column[None, :]
        rms = tl.load(rms_ptr + row, mask=row < rows, other=0.0)
        unit = tl.load(x_ptr + here, mask=inside, other=0.0).to(tl.float32) * rms[:, None]
        dy, dunit = _through_gain(dy_ptr, gain_ptr, mean_ptr, 0, plane, here, inside, column, width)
        dgain0 += tl.sum(dy * unit, 0)
        if LAYERS > 1:
            dy, more = _through_gain(dy_ptr, gain_ptr, mean_ptr, 1, plane, here, inside, column,
                                     width)  # fmt: skip
            dunit += more
            dgain1 += tl.sum(dy * unit, 0)
        if LAYERS > 2:
            dy, more = _through_gain(dy_ptr, gain_ptr, mean_ptr, 2, plane, here, inside, column,
                                     width)  # fmt: skip
            dunit += more
            dgain2 += tl.sum(dy * unit, 0)
        common = tl.sum(dunit * unit, 1) / width
        dx = rms[:, None] * (dunit - unit * common[:, None])
        tl.store(dx_ptr + here, dx.to(dx_ptr.dtype.element_ty), mask=inside)
    strip = dgain_ptr + tl.program_id(0) * LAYERS * width + column
    tl.store(strip, dgain0, mask=column < width)
    if LAYERS > 1:
        tl.store(strip + width, dgain1, mask=column < width)
    if LAYERS > 2:
        tl.store(strip + 2 * width, dgain2, mask=column < width)


def _tile(layers, width):
    """Shape of a row kernel's tile: whole rows, several at a time where they are short."""
    if layers > MOST_LAYERS:
        raise ValueError(f"{layers} layers on one input; the kernels are written for up to "
                         f"{MOST_LAYERS}")
    columns = triton.next_power_of_2(width)
    return {"LAYERS": layers, "ROWS": max(2, min(16, TILE_ELEMENTS // columns)),
            "WIDTH": columns, "num_warps": 8 if columns >= 4096 else 4}  # fmt: skip


def quantise(x, gains, dtype=torch.int8, undone=False):
    """x (N, K), gains (J, K) -> codes (J, N, K), 1 / root mean square (N), 127 / max|y| (J, N).

    With `undone` the codes come divided by 127 / max|y|: the quantised activations.
    """
    (rows, width), layers = x.shape, len(gains)
    codes = torch.empty(layers, rows, width, dtype=dtype, device=x.device)
    rms, factor = (torch.empty(s, device=x.device) for s in ((rows,), (layers, rows)))
    tile = _tile(layers, width)
    _codes[(triton.cdiv(rows, tile["ROWS"]),)](
        x, gains, codes, rms, factor, rows, width, EPS, SCALE_FLOOR, CODE_MAX,
        UNDONE=undone, **tile)  # fmt: skip
    return codes, rms, factor


def ternarise(weights, means, dtype=torch.int8):
    """J weights (M, K) and their mean magnitudes (J) -> trits (J, M, K)."""
    trits = torch.empty(len(weights), *weights[0].shape, dtype=dtype, device=means.device)
    count = weights[0].numel()
    for weight, mean, out in zip(weights, means, trits):
        _trits[(triton.cdiv(count, 4096),)](weight, mean, out, count, BLOCK=4096)
    return trits


def product(codes, trits, factor, means, dtype):
    """codes (J, N, K), trits (J, M, K) -> ``codes @ trits^T * mean / factor`` (J, N, M)."""
    (layers, rows, width), outputs = codes.shape, trits.shape[1]
    out = torch.empty(layers, rows, outputs, dtype=dtype, device=codes.device)
    tall = 128 if rows >= 128 else 64
    wide = 128 if outputs >= 256 else 64
    depth = 128 if width >= 128 else 32
    grid = (triton.cdiv(rows, tall) * triton.cdiv(outputs, wide), layers)
    _product[grid](codes, trits, factor, means, out, rows, outputs, width, ROWS=tall, OUTPUTS=wide,
                   WIDTH=depth, GROUP=4, EVEN=width % depth == 0, num_warps=8 if wide > 64 else 4,
                   num_stages=3)  # fmt: skip
    return out


def norm_gradient(x, gains, rms, means, dy):
    """Gradient of the norm: dy (J, N, K) before ``mean`` -> dx (N, K), dgains (J, K)."""
    (rows, width), layers = x.shape, len(gains)
    tile = _tile(layers, width)
    strips = min(STRIPS, triton.cdiv(rows, tile["ROWS"]))
    dx, dgains = torch.empty_like(x), torch.empty(strips, layers, width, device=x.device)
    _norm_gradient[(strips,)](x, gains, rms, means, dy, dx, dgains, rows, width, **tile)
    return dx, dgains.sum(0)
