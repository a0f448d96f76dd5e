"""Command line of quantisation-aware training: text in, a model folder out, resumable."""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .data import END_ID, prepare
from .evaluate import Validation
from .export import export
from .presets import PRESETS, TEXTS, VALIDATION
from .trainer import ARCHITECTURES, Trainer, learning_rate
from .world import World

SAVE_EVERY = 300
STOP_GRAIN = 50


class Run:
    """A recipe, its texts and a folder; ``train`` goes on from wherever the run stands.

    ``log`` becomes training.json: recipe, hardware, the loss curve and, at the end, the scores.
    """

    def __init__(self, recipe, texts, validation, out, *, device=None, preset="custom",
                 tokens=None):  # fmt: skip
        self.recipe, self.out, self.texts = recipe, Path(out), texts
        (self.out / "work").mkdir(parents=True, exist_ok=True)
        tokens = tokens or self.out / "work"
        device = World.device(device)
        self.world = World.join(device)
        if self.world.leads:
            prepare(texts, recipe.vocabulary, tokens)
        self.world.agree(True)  # the others find the tokens made
        self.tokenizer, self.stream = prepare(texts, recipe.vocabulary, tokens)
        self.trainer = Trainer(recipe, self.stream, device, self.world)
        text = Path(validation).read_text(encoding="utf-8")
        self.held_out = Validation(text, self.tokenizer, device)
        self.checkpoint = self.out / "work" / "checkpoint.pt"
        self.console = Console(quiet=not self.world.leads)
        self.log = {
            "preset": preset,
            "recipe": dataclasses.asdict(recipe),
            "hardware": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
            "processes": self.world.size,
            "torch": str(torch.__version__),
            "training": {
                "files": [Path(path).name for path in texts],
                "stream_tokens": len(self.stream),
                "documents": int((self.stream == END_ID).sum()),
                "tokens_seen": recipe.steps * recipe.tokens_a_step,
            },
            "validation_file": Path(validation).name,
            "seconds": 0.0,
            "curve": [],
        }

    def resume(self):
        """Continue from the checkpoint."""
        saved = torch.load(self.checkpoint, map_location=self.trainer.device, weights_only=True)
        for key in ("recipe", "training"):
            if saved["log"][key] != self.log[key]:
                raise ValueError(
                    f"{self.checkpoint} is of another run: {key} {saved['log'][key]}, "
                    f"not {self.log[key]}; use another --out, or do not --resume"
                )
        self.trainer.restore(saved["trainer"])
        self.log |= {name: saved["log"][name] for name in ("seconds", "curve")}

    def save(self):
        """Write the checkpoint so that an interruption leaves the old one whole."""
        if not self.world.leads:
            return
        draft = self.checkpoint.with_suffix(".draft")
        torch.save({"trainer": self.trainer.state(), "log": self.log}, draft)
        draft.replace(self.checkpoint)

    def train(self, stop_after=None):
        """To the end of the recipe, then export; or for ``stop_after`` seconds. Returns the log."""
        trainer, steps = self.trainer, self.recipe.steps
        self.console.print(
            f"{trainer.model.trits():,} trits on {self.log['hardware']}; "
            f"{len(self.stream):,} training tokens, {self.held_out.documents} documents held out; "
            f"step {trainer.step_count} of {steps}"
        )
        began = marked = saved = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                   TimeRemainingColumn())  # fmt: skip
        plain = not self.console.is_terminal
        with Progress(*columns, console=self.console, disable=plain) as progress:
            bar = progress.add_task("training", total=steps, completed=trainer.step_count)
            while trainer.step_count < steps:
                trainer.step()
                n, now = trainer.step_count, time.monotonic()
                stop = bool(stop_after) and n % STOP_GRAIN == 0 and self.world.agree(
                    now - began > stop_after)  # fmt: skip
                if n % self.recipe.evaluate_every == 0 or n == steps or stop:
                    self.log["seconds"] += time.monotonic() - marked
                    marked = time.monotonic()
                    if self.world.leads:
                        progress.update(bar, description=f"{self._measure():.4f} bits a byte")
                if stop or now - saved > SAVE_EVERY or n == steps:
                    self.save()
                    saved = now
                progress.update(bar, completed=n)
                if stop:
                    self.console.print(f"stopped at step {n}; continue with --resume")
                    return self.log
        if not self.world.same(trainer.masters):
            raise RuntimeError("the processes hold different weights: averaging has failed")
        if self.world.leads:
            self._finish()
        trainer.graph = None  # NCCL ends only after the graphs that use it
        self.world.leave()
        return self.log

    def _finish(self):
        """The model's folder; of a Transformer, which has no released form, the log alone."""
        model = self.trainer.model
        if self.recipe.architecture == "matmul-free":
            export(model, self.tokenizer, self.held_out, self.stream, self.log, self.out,
                   self.texts)  # fmt: skip
        else:
            self.log["parameters"] = sum(p.numel() for p in model.parameters())
            self.log["final"] = dataclasses.asdict(self.held_out.score(model.eval()))
            (self.out / "training.json").write_text(json.dumps(self.log, indent=1) + "\n")
        bits = self.log["final"]["bits_a_byte"]
        self.console.print(f"wrote {self.out}: {bits:.4f} bits a byte")

    def _measure(self):
        """Score the model, add a point to the curve, print it; returns bits a byte."""
        trainer = self.trainer
        n, nats = trainer.step_count, trainer.take_loss()
        score = self.held_out.score(trainer.model.eval())
        trainer.model.train()
        self.log["curve"].append({
            "step": n,
            "seconds": self.log["seconds"],
            "train_nats_a_token": nats,
            "validation_nats_a_token": score.nats_a_token,
            "validation_bits_a_byte": score.bits_a_byte,
            "learning_rate": learning_rate(self.recipe, n - 1),
        })  # fmt: skip
        self.console.print(
            f"step {n}: training {nats:.4f} nats a token, "
            f"validation {score.bits_a_byte:.4f} bits a byte"
        )
        return score.bits_a_byte


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
                        "minute on any machine, 'stories-1m5' about eight on one H200")  # fmt: skip
    p.add_argument("--corpus", metavar="DIR", type=Path,
                   help="folder with the texts that the preset is trained and scored on, instead "
                        "of --text and --validation")  # fmt: skip
    p.add_argument("--text", nargs="+", metavar="FILE",
                   help="UTF-8 training text; lines that are exactly <|endoftext|> separate "
                        "documents. The tokenizer is trained on it too")  # fmt: skip
    p.add_argument("--validation", metavar="FILE",
                   help="held-out text of the same form, scored in bits a byte")  # fmt: skip
    p.add_argument("--out", required=True, metavar="DIR",
                   help="folder to write; DIR/work keeps tokens and the checkpoint")  # fmt: skip
    p.add_argument("--tokens", metavar="DIR",
                   help="keep tokenizer and tokens here, for other runs too; default DIR/work")
    p.add_argument("--resume", action="store_true",
                   help="continue from DIR/work/checkpoint.pt; on a CPU the result equals an "
                        "uninterrupted run's, on a GPU but for the order of sums")  # fmt: skip
    p.add_argument("--stop-after", type=float, metavar="SECONDS",
                   help="save and leave after this long, to be resumed")  # fmt: skip
    p.add_argument("--device", help="'cpu', 'cuda' or 'cuda:1'; default: a GPU if there is one. "
                   "Several: torchrun --nproc-per-node N -m tritone.train.train ...")  # fmt: skip
    p.add_argument("--architecture", choices=ARCHITECTURES,
                   help="override the preset: a Transformer of the same sizes is for comparison "
                        "and leaves only training.json")  # fmt: skip
    for name in ("vocabulary", "hidden", "layers", "intermediate", "steps", "rows", "context",
                 "warmup", "seed", "evaluate_every"):  # fmt: skip
        p.add_argument("--" + name.replace("_", "-"), type=int, help="override the preset")
    for name in ("learning_rate", "weight_decay", "dropout", "boundary_rows"):
        p.add_argument("--" + name.replace("_", "-"), type=float, help="override the preset")
    return p


def texts_of(args):
    """Training texts and validation text, of --corpus where they are not named."""
    if args.corpus:
        return (args.text or [args.corpus / name for name in TEXTS.get(args.preset, TEXTS[""])],
                args.validation or args.corpus / VALIDATION)
    return args.text, args.validation


def main(argv=None):
    options = parser()
    args = options.parse_args(argv)
    texts, validation = texts_of(args)
    if not texts or not validation:
        options.error("needs --corpus DIR, or --text FILE and --validation FILE")
    for path in (*texts, validation):
        if not Path(path).is_file():
            options.error(f"{path}: no such text; --corpus or --text and --validation name it")
    recipe = PRESETS[args.preset]
    fields = {field.name for field in dataclasses.fields(recipe)}
    overrides = {k: v for k, v in vars(args).items() if k in fields and v is not None}
    run = Run(
        dataclasses.replace(recipe, **overrides), texts, validation, args.out,
        device=args.device, preset=args.preset, tokens=args.tokens,
    )  # fmt: skip
    if args.resume:
        run.resume()
    run.train(args.stop_after)


if __name__ == "__main__":
    main()
