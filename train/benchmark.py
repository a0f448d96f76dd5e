"""Time and peak memory of a training step on this GPU: fused, unfused, and a Transformer.

    python -m tritone.train.benchmark --shape 370m --json FILE

A step is forward, backward and Adam on one batch of random tokens, activations bfloat16, weights
and moments float32. `unfused` is the BitLinear as its authors publish it in plain PyTorch (norm,
quantisers and product one after another, straight-through by `detach`) with the recurrence in log
steps; `fused scan` changes the recurrence alone, `fused` the BitLinear too.
"""

import argparse
import gc
import json
import statistics
from contextlib import ExitStack
from unittest import mock

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table

from . import model as model_module
from .bitlinear import BitLinear
from .model import HGRNBit
from .quantiser import integer_dtype, quantise_activation, quantise_weight
from .scan import scan_in_log_steps
from .trainer import head_loss
from .transformer import Transformer

SHAPES = {
    "smoke": dict(hidden_size=64, num_hidden_layers=2, intermediate_size=192, vocab_size=300),
    "160m": dict(hidden_size=768, num_hidden_layers=16, intermediate_size=2048, vocab_size=32000),
    "15m": dict(hidden_size=352, num_hidden_layers=10, intermediate_size=896, vocab_size=1024),
    "370m": dict(hidden_size=1024, num_hidden_layers=24, intermediate_size=2816, vocab_size=32000),
}
WARM_UP, STEPS = 3, 10
CUDA = torch.device("cuda")


def unfused_bitlinear(self, x):
    """`BitLinear.forward` in the authors' plain form: (N, K) -> (N, M)."""
    y, small = self.norm(x.float()), integer_dtype(x)
    codes, factor = quantise_activation(y)
    trits, mean = quantise_weight(self.weight)
    y = y + (codes / factor - y).detach()
    weight = self.weight + (trits * mean - self.weight).detach()
    return F.linear(y.to(small), weight.to(small)).to(x.dtype)


# name -> (model, fused BitLinear, fused scan, compiled)
VARIANTS = {
    "unfused": (HGRNBit, False, False, False),
    "fused scan": (HGRNBit, False, True, False),
    "fused": (HGRNBit, True, True, False),
    "fused scan, torch.compile": (HGRNBit, False, True, True),
    "fused, torch.compile": (HGRNBit, True, True, True),
    "Transformer": (Transformer, True, True, False),
    "Transformer, torch.compile": (Transformer, True, True, True),
}


class Step:
    """One variant's model and optimizer; calling it does one step on `tokens` (B, T + 1)."""

    def __init__(self, kind, shape, compiled, device, activations):
        torch.manual_seed(1)
        self.model = kind(shape | {"use_lower_bound": True}).to(device)
        self.model.activations = activations
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4, fused=True)
        self.block, self.loss = type(self.model.blocks[0]).forward, head_loss
        if compiled:
            self.block, self.loss = torch.compile(self.block), torch.compile(self.loss)

    def __call__(self, tokens):
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        r = self.model.embed(inputs)
        for block, context in zip(self.model.blocks, self.model.contexts(inputs), strict=True):
            r, _ = self.block(block, r, *context)
        self.loss(self.model, r, targets).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def measure(name, shape, rows, context, activations, device=CUDA):
    """Median milliseconds and peak bytes of a step of the variant `name`."""
    kind, fused, fused_scan, compiled = VARIANTS[name]
    torch._dynamo.reset()
    with ExitStack() as stack:
        if not fused:
            stack.enter_context(mock.patch.object(BitLinear, "forward", unfused_bitlinear))
        if not fused_scan:
            stack.enter_context(mock.patch.object(model_module, "scan", scan_in_log_steps))
        step = Step(kind, shape, compiled, device, activations)
        tokens = torch.randint(shape["vocab_size"], (rows, context + 1), device=device)
        for _ in range(WARM_UP):
            step(tokens)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        times = [_milliseconds(step, tokens) for _ in range(STEPS)]
    parameters = sum(p.numel() for p in step.model.parameters())
    figures = {"variant": name, "parameters": parameters, "ms": statistics.median(times),
               "ms_spread": max(times) - min(times),
               "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
               "weights_and_moments_gb": 12 * parameters / 1e9}  # fmt: skip
    figures["tokens_per_second"] = rows * context / figures["ms"] * 1e3
    return figures


def _milliseconds(step, tokens):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    step(tokens)
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def measure_all(options):
    """A row of figures for each variant; one that runs out of memory says so instead."""
    for name in options.variants:
        try:
            yield measure(name, SHAPES[options.shape], options.rows, options.context,
                          getattr(torch, options.activations))  # fmt: skip
        except torch.cuda.OutOfMemoryError:
            yield {"variant": name, "out_of_memory": True}
        gc.collect()
        torch.cuda.empty_cache()


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tritone.train.benchmark",
        description="Time and peak memory of a training step on this machine's GPU.")
    parser.add_argument("--shape", choices=SHAPES, default="370m",
                        help="sizes of the model; 370m is the released one (default)")
    parser.add_argument("--rows", type=int, default=8, help="sequences a step (default 8)")
    parser.add_argument("--context", type=int, default=2048, help="tokens a sequence")
    parser.add_argument("--activations", choices=("bfloat16", "float32"), default="bfloat16",
                        help="type of the residual and what is computed from it")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS),
                        metavar="NAME", help=f"some of: {', '.join(VARIANTS)}")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        parser.exit(1, "error: no GPU here; the benchmark needs one that PyTorch can use\n")
    kept = ("shape", "rows", "context", "activations")
    results = {**{name: getattr(options, name) for name in kept},
               "hardware": torch.cuda.get_device_name(), "torch": str(torch.__version__),
               "variants": []}  # fmt: skip
    table = Table("variant", "ms a step", "tokens/s", "peak GB")
    for row in measure_all(options):
        results["variants"].append(row)
        table.add_row(row["variant"], *(["out of memory"] if "out_of_memory" in row else [
            f"{row['ms']:.1f}", f"{row['tokens_per_second']:,.0f}", f"{row['peak_gb']:.2f}"]))
    Console().print(table)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
