"""MatMul-free models against Transformers of equal size, data and tokens seen.

    python -m tritone.train.scaling --text FILE ... --validation FILE --out DIR --seeds 1 2 3

trains every size, architecture and seed that DIR lacks, some at a time, and collects the results
in DIR/results.json. `docs/training.py` makes table and plot of it.
"""

import argparse
import dataclasses
import json
import os
import queue
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from rich.console import Console

from .presets import Recipe

SIZES = {
    "0.4M": dict(hidden=64, layers=5, intermediate=192),
    "1.5M": dict(hidden=128, layers=6, intermediate=384),
    "5M": dict(hidden=224, layers=8, intermediate=576),
    "15M": dict(hidden=352, layers=10, intermediate=896),
}
VOCABULARY, ROWS, CONTEXT = 1024, 32, 1024
WEIGHT_DECAY = {"matmul-free": 0.5, "transformer": 0.5}
# The best of a sweep of 600 steps (docs/data/learning-rates.json).
LEARNING_RATE = {
    "matmul-free": {"0.4M": 3.2e-2, "1.5M": 1.6e-2, "5M": 8e-3, "15M": 8e-3},
    "transformer": {"0.4M": 1.6e-2, "1.5M": 1.6e-2, "5M": 8e-3, "15M": 4e-3},
}


def recipe(size, architecture, seed, steps, rate=None, decay=None):
    """The Recipe of one run, with the chosen learning rate and weight decay or others."""
    return Recipe(
        architecture=architecture, vocabulary=VOCABULARY, **SIZES[size], steps=steps, rows=ROWS,
        context=CONTEXT, learning_rate=rate or LEARNING_RATE[architecture][size],
        warmup=max(1, steps // 20), weight_decay=decay or WEIGHT_DECAY[architecture],
        boundary_rows=0.25, seed=seed, evaluate_every=max(1, steps // 4),
    )  # fmt: skip


def command(planned, options, folder):
    """The training command of one run."""
    words = [sys.executable, "-m", "tritone.train.train", "--preset", "smoke"]
    for field in dataclasses.fields(planned):
        value = getattr(planned, field.name)
        if field.name not in ("betas", "clip", "carry_rows"):
            words += ["--" + field.name.replace("_", "-"), str(value)]
    return [*words, "--text", *options.text, "--validation", options.validation, "--tokens",
            str(Path(options.out) / "tokens"), "--out", str(folder)]  # fmt: skip


def row(folder):
    """What the table needs of one finished run."""
    log = json.loads((folder / "training.json").read_text())
    kept = ("architecture", "seed", "learning_rate", "hidden", "layers", "steps", "weight_decay")
    last = log["curve"][-1]
    return {"name": folder.name, "size": folder.name.split("-")[0], "seconds": log["seconds"],
            "parameters": log["parameters"], "tokens_seen": log["training"]["tokens_seen"],
            "bits_a_byte": log["final"]["bits_a_byte"], "hardware": log["hardware"],
            "train_nats": last["train_nats_a_token"],
            "best_bits_a_byte": min(p["validation_bits_a_byte"] for p in log["curve"]),
            **{key: log["recipe"][key] for key in kept}}  # fmt: skip


def collect(out):
    """Writes results.json of all finished runs in `out`; returns its rows."""
    rows = [row(path.parent) for path in sorted(Path(out).glob("*/training.json"))]
    (Path(out) / "results.json").write_text(json.dumps(rows, indent=1) + "\n")
    return rows


class Campaign:
    """The runs that are still to do, and how they are done."""

    def __init__(self, options):
        self.options, self.began, self.console = options, time.monotonic(), Console(stderr=True)
        self.runs = [
            (f"{size}-{architecture}-lr{rate or 'best'}-wd{decay or 'best'}-s{seed}",
             recipe(size, architecture, seed, options.steps, rate, decay))
            for seed in options.seeds for size in reversed(options.sizes)
            for architecture in options.architectures for rate in options.learning_rates
            for decay in options.weight_decays
        ]  # fmt: skip
        self.gpus = queue.SimpleQueue()
        for job in range(options.jobs):
            self.gpus.put(job % max(1, torch.cuda.device_count()))

    def one(self, named):
        """Trains one model in a process of its own, unless it is there or time is up."""
        name, planned = named
        folder, seconds = Path(self.options.out) / name, time.monotonic() - self.began
        if (folder / "training.json").exists() or seconds > self.options.no_new_after:
            return
        folder.mkdir(parents=True, exist_ok=True)
        gpu = self.gpus.get()
        with open(folder / "log.txt", "w") as log:
            subprocess.run(command(planned, self.options, folder), stdout=log, stderr=log,
                           env=os.environ | {"CUDA_VISIBLE_DEVICES": str(gpu)})  # fmt: skip
        self.gpus.put(gpu)
        if (folder / "training.json").exists():
            found = row(folder)
            self.console.print(f"{time.monotonic() - self.began:5.0f} s  {name}: "
                               f"{found['bits_a_byte']:.4f} bits a byte, {found['seconds']:.0f} s")
            collect(self.options.out)
        else:
            self.console.print(f"{name} failed: {(folder / 'log.txt').read_text()[-600:]}")

    def run(self):
        with ThreadPoolExecutor(self.options.jobs) as pool:
            list(pool.map(self.one, self.runs))


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m tritone.train.scaling",
                                description="Train MatMul-free models and Transformers of equal "
                                "sizes on equal tokens, and collect bits a byte.")
    p.add_argument("--text", nargs="+", required=True, metavar="FILE", help="training texts")
    p.add_argument("--validation", required=True, metavar="FILE", help="held-out text")
    p.add_argument("--out", required=True, metavar="DIR", help="a folder a run, and results.json")
    p.add_argument("--seeds", nargs="+", type=int, default=[1])
    p.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    p.add_argument("--architectures", nargs="+", choices=LEARNING_RATE, default=list(LEARNING_RATE))
    p.add_argument("--learning-rates", nargs="+", type=float, default=[None],
                   help="instead of the chosen one of each architecture and size")
    p.add_argument("--weight-decays", nargs="+", type=float, default=[None],
                   help="instead of the chosen one of each architecture")
    p.add_argument("--steps", type=int, default=3000,
                   help=f"of {ROWS * CONTEXT:,} tokens each (default 3000)")
    p.add_argument("--jobs", type=int, default=1, help="runs at a time, shared out among the GPUs")
    p.add_argument("--no-new-after", type=float, default=float("inf"), metavar="SECONDS",
                   help="begin no further run after this long")
    options = p.parse_args(arguments)
    Campaign(options).run()
    for found in collect(options.out):
        print(f"{found['name']}: {found['parameters']:,} parameters, "
              f"{found['bits_a_byte']:.4f} bits a byte")


if __name__ == "__main__":
    main()
