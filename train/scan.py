"""The recurrence ``h_t = f_t h_{t-1} + c_t``, from a state of zero, and its gradient.

``f``, ``c`` and ``h`` have shape (B, T, C): B streams, T moments, C channels. On a GPU one fused
Triton kernel a direction does it (:mod:`.scan_kernel`); elsewhere the loops below do. Both are
one operator to PyTorch, so ``torch.compile`` sees a single opaque node.
"""

import torch


@torch.library.custom_op("tritone::scan", mutates_args=(), device_types="cpu")
def scan(f: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """All states ``h`` (B, T, C)."""
    h = torch.empty_like(c)
    state = torch.zeros_like(c[:, 0])
    for t in range(c.shape[1]):
        state = f[:, t] * state + c[:, t]
        h[:, t] = state
    return h


@torch.library.custom_op("tritone::scan_backward", mutates_args=(), device_types="cpu")
def scan_backward(
    f: torch.Tensor, h: torch.Tensor, grad: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """``(df, dc)``: ``dc_t = dh_t + f_{t+1} dc_{t+1}`` and ``df_t = dc_t h_{t-1}``."""
    df, dc = torch.empty_like(f), torch.empty_like(f)
    carry = torch.zeros_like(f[:, 0])
    for t in reversed(range(f.shape[1])):
        total = grad[:, t] + carry
        dc[:, t] = total
        df[:, t] = total * h[:, t - 1] if t else 0
        carry = total * f[:, t]
    return df, dc


@scan.register_kernel("cuda")
def _(f, c):
    from .scan_kernel import forward

    return forward(f.contiguous(), c.contiguous())


@scan_backward.register_kernel("cuda")
def _(f, h, grad):
    from .scan_kernel import backward

    return backward(f.contiguous(), h, grad.contiguous())


@scan.register_fake
def _(f, c):
    return torch.empty_like(c, memory_format=torch.contiguous_format)


@scan_backward.register_fake
def _(f, h, grad):
    return tuple(torch.empty_like(f, memory_format=torch.contiguous_format) for _ in range(2))


def _save(ctx, inputs, output):
    ctx.save_for_backward(inputs[0], output)


def _differentiate(ctx, grad):
    return scan_backward(*ctx.saved_tensors, grad)


scan.register_autograd(_differentiate, setup_context=_save)


def scan_in_log_steps(f, c):
    """:func:`scan` in plain PyTorch for any device: doubles the reach of every state log2 T times.

    T log2 T work and as many temporaries; what a fused scan is compared with (Hillis, Steele 1986).
    """
    reach = 1
    while reach < c.shape[1]:
        c = torch.cat([c[:, :reach], c[:, reach:] + f[:, reach:] * c[:, :-reach]], 1)
        f = torch.cat([f[:, :reach], f[:, reach:] * f[:, :-reach]], 1)
        reach *= 2
    return c
