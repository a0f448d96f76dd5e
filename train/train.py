"""Command line and loop of quantisation-aware training.

The optimizer keeps float32 masters; after every step the model gets them rounded to bfloat16, so
it computes throughout with exactly the weights that its checkpoint will hold. On a GPU the
blocks are compiled and one whole step (rows, loss, gradients, update) is a single CUDA graph.
"""

import argparse
import dataclasses
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .data import END_ID, Rows, prepare
from .evaluate import Validation
from .export import export, released_config
from .model import Block, HGRNBit
from .presets import PRESETS

EAGER_STEPS = 3
REPORT_EVERY = 50


def learning_rate(recipe, step):
    """Linear warm-up, then half a cosine down to zero at ``recipe.steps``."""
    warm = min(1.0, (step + 1) / recipe.warmup)
    return recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def head_loss(model, r, targets):
    """Mean cross entropy in nats of residual (B, T, d) against targets (B, T)."""
    logits = model.lm_head(model.model.norm(r.flatten(0, 1)))
    return F.cross_entropy(logits, targets.flatten())


class Trainer:
    """Model, optimizer and rows; ``step()`` does one update, ``state()`` is all a resume needs."""

    def __init__(self, recipe, stream, device):
        self.recipe, self.device, self.step_count = recipe, device, 0
        torch.manual_seed(recipe.seed)
        self.model = HGRNBit(released_config(recipe)).to(device)
        self.rows = Rows(stream, recipe)
        self.stream = torch.from_numpy(self.rows.stream.astype("int64")).to(device)
        self.starts = torch.zeros(recipe.rows, dtype=torch.int64, device=device)
        self.drops = torch.zeros(recipe.rows, dtype=torch.bool, device=device)
        self.eager_left = EAGER_STEPS
        self.rate = torch.zeros((), device=device)
        self.shrink = torch.ones((), device=device)
        self.loss_sum = torch.zeros((), device=device)
        self.params = list(self.model.parameters())
        self.masters = [torch.nn.Parameter(p.detach().clone()) for p in self.params]
        self.matrices = [m for m in self.masters if m.ndim == 2]
        self.optimizer = torch.optim.Adam(
            self.masters, lr=self.rate, betas=recipe.betas, fused=True,
            capturable=device.type == "cuda",
        )  # fmt: skip
        self.graph, self.block, self.head_loss = None, Block.forward, head_loss
        if device.type == "cuda":
            self.cuda_stream = torch.cuda.Stream()
            torch.cuda.set_stream(self.cuda_stream)
            self.block = torch.compile(Block.forward)
            self.head_loss = torch.compile(head_loss)
        self._publish()

    @torch.no_grad()
    def _publish(self):
        """Give the model the masters, rounded as the checkpoint stores them."""
        torch._foreach_copy_(self.params, [m.bfloat16() for m in self.masters])

    def _loss(self):
        offsets = torch.arange(self.recipe.context + 1, device=self.device)
        tokens = self.stream[self.starts[:, None] + offsets]
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        keep = (inputs != END_ID) | ~self.drops[:, None]
        backbone = self.model.model
        r, floors = backbone.embeddings(inputs), backbone.floors()
        for block, floor in zip(backbone.layers, floors.unbind()):
            r, _ = self.block(block, r, floor, keep[..., None].float())
        return self.head_loss(self.model, r, targets)

    def _update(self):
        for p in self.params:
            p.grad = None
        loss = self._loss()
        loss.backward()
        for master, p in zip(self.masters, self.params):
            master.grad = p.grad
        torch.nn.utils.clip_grad_norm_(self.masters, self.recipe.clip, foreach=True)
        with torch.no_grad():
            torch._foreach_mul_(self.matrices, self.shrink)
            self.optimizer.step()
            self.loss_sum += loss.detach()
        self._publish()

    def step(self):
        """One update; on a GPU the first few run eagerly, then a graph of them is replayed."""
        recipe, n = self.recipe, self.step_count
        starts, drops = self.rows(n)
        rate = learning_rate(recipe, n)
        decay = recipe.weight_decay if n < recipe.decay_until * recipe.steps else 0.0
        self.starts.copy_(torch.from_numpy(starts))
        self.drops.copy_(torch.from_numpy(drops))
        self.rate.fill_(rate)
        self.shrink.fill_(1 - rate * decay)
        if self.device.type != "cuda" or self.eager_left:
            self.eager_left = max(self.eager_left - 1, 0)
            self._update()
        else:
            if self.graph is None:
                self.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graph, stream=self.cuda_stream):
                    self._update()
            self.graph.replay()
        self.step_count += 1

    def take_loss(self, steps):
        """Mean training loss (nats a token) of the last ``steps`` steps."""
        mean = self.loss_sum.item() / steps
        self.loss_sum.zero_()
        return mean

    def state(self):
        """What a checkpoint holds: masters, moments and the step."""
        moments = [self.optimizer.state[m] for m in self.masters]
        return {"step": self.step_count, "masters": [m.detach() for m in self.masters],
                "moments": moments}  # fmt: skip

    @torch.no_grad()
    def restore(self, state):
        self.step_count = state["step"]
        torch._foreach_copy_(self.masters, state["masters"])
        for master, moments in zip(self.masters, state["moments"]):
            self.optimizer.state[master] = {
                name: tensor.to(self.device) for name, tensor in moments.items()
            }
        self._publish()


def save(path, content):
    """Write a checkpoint so that an interruption leaves the old one whole."""
    draft = path.with_suffix(".draft")
    torch.save(content, draft)
    draft.replace(path)


def run(recipe, texts, validation, out, *, resume=False, stop_after=None, device=None,
        save_every=300.0, preset="custom"):  # fmt: skip
    """Train to the end of the recipe, or for ``stop_after`` seconds; returns the log."""
    console, out = Console(), Path(out)
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tokenizer, stream = prepare(texts, recipe.vocabulary, out / "work")
    trainer = Trainer(recipe, stream, device)
    checkpoint = out / "work" / "checkpoint.pt"
    hardware = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    log = {"preset": preset, "recipe": dataclasses.asdict(recipe), "hardware": hardware,
           "seconds": 0.0, "curve": []}  # fmt: skip
    if resume:
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        trainer.restore(saved["trainer"])
        log |= {"seconds": saved["log"]["seconds"], "curve": saved["log"]["curve"]}
    held_out = Validation(Path(validation).read_text(encoding="utf-8"), tokenizer, device)
    console.print(
        f"{trainer.model.trits():,} trits on {hardware}; {len(stream):,} training tokens, "
        f"{held_out.documents} documents held out; step {trainer.step_count} of {recipe.steps}"
    )
    began = saved_at = time.monotonic()
    before, since = log["seconds"], 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=recipe.steps, completed=trainer.step_count)
        while trainer.step_count < recipe.steps:
            trainer.step()
            since += 1
            n, now = trainer.step_count, time.monotonic()
            progress.update(bar, completed=n)
            stop = stop_after is not None and n % REPORT_EVERY == 0 and now - began > stop_after
            if n % recipe.evaluate_every == 0 or n == recipe.steps or stop:
                train_nats, since = trainer.take_loss(since), 0
                score = held_out.score(trainer.model)
                now = time.monotonic()
                log["seconds"] = before + now - began
                log["curve"].append({
                    "step": n, "train_nats_a_token": train_nats,
                    "validation_nats_a_token": score.nats_a_token,
                    "validation_bits_a_byte": score.bits_a_byte,
                    "learning_rate": learning_rate(recipe, n - 1), "seconds": log["seconds"],
                })  # fmt: skip
                rate = n * recipe.tokens_a_step / log["seconds"]
                line = (f"step {n}: training {train_nats:.4f} nats a token, validation "
                        f"{score.bits_a_byte:.4f} bits a byte, {rate:,.0f} tokens/s")  # fmt: skip
                progress.update(bar, description=f"{score.bits_a_byte:.4f} bits a byte")
                console.print(line)
            if stop or now - saved_at > save_every or n == recipe.steps:
                save(checkpoint, {"trainer": trainer.state(), "log": log})
                saved_at = time.monotonic()
            if stop:
                console.print(f"stopped at step {n}; continue with --resume")
                return log
    export(trainer.model, tokenizer, held_out, log, stream, texts, validation, out)
    console.print(f"wrote {out}: {log['final']['bits_a_byte']:.4f} bits a byte")
    return log


def parser():
    """The command line, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m tritone.train.train",
        description="Train a MatMul-free language model with ternary weights and write it as a "
        "folder in the released checkpoint form: config.json, model.safetensors, "
        "tokenizer.json, README.md (model card) and training.json (loss curve). "
        "Uses a GPU when there is one.",
    )
    p.add_argument("--preset", choices=PRESETS, default="smoke",
                   help="shape and schedule of the model (train/presets.py); 'smoke' takes a "
                        "minute on any machine, 'stories-1m5' about twenty on one H200")  # fmt: skip
    p.add_argument("--text", nargs="+", required=True, metavar="FILE",
                   help="UTF-8 training text; lines that are exactly <|endoftext|> separate "
                        "documents. The tokenizer is trained on it too")  # fmt: skip
    p.add_argument("--validation", required=True, metavar="FILE",
                   help="held-out text of the same form, scored in bits a byte")  # fmt: skip
    p.add_argument("--out", required=True, metavar="DIR",
                   help="folder to write; DIR/work keeps tokens and the checkpoint")  # fmt: skip
    p.add_argument("--resume", action="store_true",
                   help="continue from DIR/work/checkpoint.pt; gives what an uninterrupted run "
                        "gives")  # fmt: skip
    p.add_argument("--stop-after", type=float, metavar="SECONDS",
                   help="save and leave after this long, to be resumed")  # fmt: skip
    p.add_argument("--device", help="'cpu', 'cuda' or 'cuda:1'; default: a GPU if there is one")
    for name in ("steps", "rows", "context", "warmup", "seed", "evaluate_every"):
        p.add_argument("--" + name.replace("_", "-"), type=int, help="override the preset")
    for name in ("learning_rate", "weight_decay", "decay_until"):
        p.add_argument("--" + name.replace("_", "-"), type=float, help="override the preset")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    recipe = PRESETS[args.preset]
    fields = {field.name for field in dataclasses.fields(recipe)}
    overrides = {k: v for k, v in vars(args).items() if k in fields and v is not None}
    run(dataclasses.replace(recipe, **overrides), args.text, args.validation, args.out,
        resume=args.resume, stop_after=args.stop_after, device=args.device,
        preset=args.preset)  # fmt: skip


if __name__ == "__main__":
    main()
