"""Measures the models on this computer's processor, whole tokens, after comparing their text.

    tritone bench-cpu [--model DIR ...] [--random 370M] [--threads 1,all] [--json]
"""

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from ..common.errors import INTERRUPTED, TritoneError
from ..common.origin import commit
from ..host.common_options import Parser
from ..model.golden import Golden
from . import measure
from .check import TEMPERATURES, check, texts
from .energy import Rapl
from .engine import Engine
from .errors import CpuError
from .layout import Packed
from .library import library
from .machine import describe, is_busy, physical_cores, usable_cores
from .random_model import SHAPES
from .report import beside, machine_lines, terminal
from .subject import random_subject, shipped

TREE = Path(__file__).resolve().parents[1]
MODELS = TREE / "models"
THREADS = "1,cores,all"
CHOOSING = 0.2  # of the seconds, for each kernel


def threads(text):
    """Numbers of threads from "1,4,cores,all"."""
    known = {"cores": physical_cores(), "all": usable_cores()}
    numbers = [known[part] if part in known else int(part) for part in text.split(",")]
    if bad := [n for n in numbers if not 1 <= n <= 4 * known["all"]]:
        raise argparse.ArgumentTypeError(f"{bad[0]} is out of range: 1 to {4 * known['all']}, "
                                         "cores or all")
    return sorted(set(numbers))


def positive(text):
    if not 0 < (value := float(text)) <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is out of range: above 0, to 3600")
    return value


def parse(arguments=None):
    parser = Parser(prog="tritone bench-cpu", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, action="append", metavar="DIR", default=[],
                        help="a model folder; may be repeated (all shipped models)")
    parser.add_argument("--random", choices=SHAPES, action="append", metavar="SIZE", default=[],
                        help=f"a random model of the shape {', '.join(SHAPES)}, beside --model")
    parser.add_argument("--kernel", default="best", metavar="best|NAME",
                        help="best, the default, tries all: plain, bytes, packed, fives, lookup")
    parser.add_argument("--threads", type=threads, default=THREADS, metavar="N,...",
                        help="1,cores,all unless told otherwise: one, a thread a core, all")
    parser.add_argument("--seconds", type=positive, default=3.0, metavar="S",
                        help="of each measurement")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="write NAME.json of each model here (docs/data/cpu)")
    parser.add_argument("--json", action="store_true", help="print nothing but a JSON object")
    return parser.parse_args(arguments)


def named(folder):
    """A shipped model's path as one types it in the tree; of any other its last part alone, which
    tells nothing of this computer."""
    shipped_one = folder.resolve().parent == MODELS.resolve()
    return f"models/{folder.resolve().name}" if shipped_one else f".../{folder.resolve().name}"


def command_line(options, subject):
    """What measures this subject again."""
    which = f"--random {subject.name.removeprefix('random-')}" if subject.folder is None else \
        f"--model {named(subject.folder)}"
    kernel = "" if options.kernel == "best" else f" --kernel {options.kernel}"
    count = "" if options.threads == threads(THREADS) else \
        f" --threads {','.join(map(str, options.threads))}"
    return f"tritone bench-cpu {which}{kernel}{count} --seconds {options.seconds:g}"


class Bench:
    """Measures a Subject: every engine is held to the golden model's texts first."""

    def __init__(self, options, subject, note):
        self.options, self.subject, self.note = options, subject, note
        self.library, self.rapl = library(subject.model.formats), Rapl()
        known = self.library.kernels
        if options.kernel not in ("best", *known):
            raise CpuError(f"there is no kernel {options.kernel!r} on this processor; "
                           f"there are {', '.join(known)}")
        self.names = list(known) if options.kernel == "best" else [options.kernel]
        note("the golden model writes")
        self.texts = texts(Golden(subject.model), subject.prompts, subject.tokens)
        self.packed = {}

    def engine(self, kernel, count):
        """A checked Engine."""
        if kernel not in self.packed:
            self.packed[kernel] = Packed(self.library, kernel, self.subject.model)
        engine = Engine(self.packed[kernel], count)
        self.note(f"comparing the text of {kernel} on {count} threads")
        check(engine, self.texts, f"{self.subject.name}: {kernel} on {count} threads")
        return engine

    def rate(self, kernel, count, seconds):
        """Whole tokens a second, the median."""
        engine = self.engine(kernel, count)
        self.note(f"trying {kernel} on {count} threads")
        return measure.speed(engine, self.subject.prompts[0], seconds, 0)[
            "tokens_per_second"]["median"]

    def run(self, kernel, count):
        """The figures of one kernel on `count` threads."""
        engine, prompt = self.engine(kernel, count), self.subject.prompts[0]
        self.note(f"measuring {kernel} on {count} threads")
        seconds = self.options.seconds
        figures = measure.speed(engine, prompt, seconds, 0)
        sampled = measure.speed(engine, prompt, seconds, TEMPERATURES[1])
        rate = figures["tokens_per_second"]["median"]
        return {"threads": count, "kernel": kernel, "text_equals_golden": True, **figures,
                "sampled_tokens_per_second": sampled["tokens_per_second"],
                **measure.limits(engine, seconds / 2),
                "energy": measure.energy(engine, self.rapl, prompt, rate, seconds, 0)}

    def result(self, machine, revision):
        """Everything of a subject: the best kernel for each number of threads."""
        short = CHOOSING * self.options.seconds
        runs, kernels = [], {name: self.rate(name, 1, short) for name in self.names}
        for count in self.options.threads:
            tried = kernels if count == 1 else \
                {name: self.rate(name, count, short) for name in self.names}
            runs.append(self.run(max(tried, key=tried.get), count))
        model = self.subject.model
        return {"model": self.subject.name, "trits": model.shape.trits, "provenance": "measured",
                "formats": model.formats.name, "command": command_line(self.options, self.subject),
                "commit": revision, "machine": machine,
                "compared": {"texts": len(self.texts), "tokens_each": self.subject.tokens},
                "kernels": kernels, "runs": runs}


def subjects(options):
    """Yields each Subject when its turn comes."""
    folders = options.model
    if not folders and not options.random:
        folders = sorted(path.parent for path in MODELS.glob("*/config.json"))
        if not folders:
            raise CpuError(f"no models in {MODELS}; name one with --model DIR")
    for folder in folders:
        yield shipped(folder)
    for size in options.random:
        yield random_subject(size)


@contextlib.contextmanager
def notes(console):
    """A function that shows what is being done, on a terminal."""
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("reading models") as status:
        yield status.update


def bench(options):
    """Measures, prints, writes; the results."""
    console, results, machine = Console(stderr=True), [], None
    revision = commit()  # before our own files change it
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    with notes(console) as note:
        for subject in subjects(options):
            if machine is None:
                machine = describe(library(subject.model.formats).built)
            results.append(Bench(options, subject, note).result(machine, revision))
            if options.out:
                path = options.out / f"{subject.name}.json"
                path.write_text(json.dumps(results[-1], indent=1) + "\n")
    return results


def show(results, console):
    machine = results[0]["machine"]
    console.print(terminal(results))
    for line in [*beside(results), *machine_lines(machine)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for reason in sorted({run["energy"]["why"] for r in results for run in r["runs"]} - {""}):
        console.print(f"No energy: {reason}.", markup=False, highlight=False)
    if is_busy(machine):
        console.print(f"warning: the machine was busy (load {machine['load']}); the figures are "
                      "too low", style="yellow")


def main(arguments=None):
    options = parse(arguments)
    try:
        results = bench(options)
        if options.json:
            print(json.dumps(results))
        else:
            show(results, Console())
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (TritoneError, OSError, ValueError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
