"""Time and peak memory of a training step on this GPU: fused, unfused, and a Transformer.

    python -m tritone.train.benchmark --shape 370m --json FILE

A step is forward, backward and Adam on one batch of random tokens, activations bfloat16, weights
and moments float32. Memory is that of plain launches; the time is given for these and for the
step recorded as one CUDA graph, which is how the trainer runs it and which leaves the processor's
time for launching out of the comparison. `unfused` is the BitLinear as its authors publish it in
plain PyTorch (norm, quantisers and product one after another, straight-through by `detach`) with
the recurrence in log steps; `fused scan` changes the recurrence alone, `fused` the BitLinear too.
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
WARM_UP, STEPS, KERNELS = 3, 10, 20
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
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4, fused=True,
                                          capturable=True)  # fmt: skip
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

    def record(self, tokens):
        """A function that does the step on the same tokens as one CUDA graph."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self(tokens)
        return graph.replay


def measure(name, shape, rows, context, activations, profile=False):
    """Figures of the variant `name`: median milliseconds and peak bytes of a step."""
    kind, fused, fused_scan, compiled = VARIANTS[name]
    torch._dynamo.reset()
    with ExitStack() as stack:
        stack.enter_context(torch.cuda.stream(torch.cuda.Stream()))
        stack.enter_context(mock.patch.object(BitLinear, "fuses", staticmethod(lambda x: fused)))
        if not fused:
            stack.enter_context(mock.patch.object(BitLinear, "forward", unfused_bitlinear))
        if not fused_scan:
            stack.enter_context(mock.patch.object(model_module, "scan", scan_in_log_steps))
        step = Step(kind, shape, compiled, CUDA, activations)
        tokens = torch.randint(shape["vocab_size"], (rows, context + 1), device=CUDA)
        for _ in range(WARM_UP):
            step(tokens)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        launched, peak = _median_ms(step, tokens), torch.cuda.max_memory_allocated()
        torch.cuda.empty_cache()  # the graph takes memory of its own
        replay = step.record(tokens)
        recorded = _median_ms(replay)
        if profile:
            show_kernels(replay)
    parameters = sum(p.numel() for p in step.model.parameters())
    return {"variant": name, "parameters": parameters, "ms": recorded, "launched_ms": launched,
            "tokens_per_second": rows * context / recorded * 1e3, "peak_gb": peak / 1e9,
            "weights_and_moments_gb": 12 * parameters / 1e9}  # fmt: skip


def _median_ms(function, *arguments):
    times = []
    for _ in range(STEPS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        function(*arguments)
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def show_kernels(function):
    """Prints the kernels that take most of the time of one call."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as found:
        function()
        torch.cuda.synchronize()
    for event in sorted(found.key_averages(), key=lambda e: -e.device_time_total)[:KERNELS]:
        print(f"{event.device_time_total / 1e3:8.2f} ms {event.count:5}  {event.key[:90]}")


def measure_all(options):
    """A row of figures for each variant; one that runs out of memory says so instead."""
    for name in options.variants:
        try:
            yield measure(name, SHAPES[options.shape], options.rows, options.context,
                          getattr(torch, options.activations), options.profile)  # fmt: skip
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
    parser.add_argument("--profile", action="store_true", help="name the longest kernels")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        parser.exit(1, "error: no GPU here; the benchmark needs one that PyTorch can use\n")
    kept = ("shape", "rows", "context", "activations")
    results = {**{name: getattr(options, name) for name in kept},
               "hardware": torch.cuda.get_device_name(), "torch": str(torch.__version__),
               "variants": []}  # fmt: skip
    table = Table("variant", "ms a step", "plainly launched", "tokens/s", "peak GB")
    for row in measure_all(options):
        results["variants"].append(row)
        table.add_row(row["variant"], *(["out of memory"] if "out_of_memory" in row else [
            f"{row['ms']:.1f}", f"{row['launched_ms']:.1f}",
            f"{row['tokens_per_second']:,.0f}", f"{row['peak_gb']:.2f}"]))
    Console().print(table)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
