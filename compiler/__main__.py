"""`python -m tritone.compiler`: a checkpoint to a tape file, or the check of one.

    python -m tritone.compiler models/stories-1m5 -o build/stories.tape --preset virtual
    python -m tritone.compiler --check build/stories.tape
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from ..common.tape import check_image
from .clocks import predict
from .tape import compile_model


def compile_file(model, output, config):
    """Compiles to `output`; what the tape holds and how long a token takes, as a dict."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("compiling layers", total=None)
        tape = compile_model(model, config,
                             lambda done, of: bar.update(task, completed=done, total=of))
    tape.save(output)
    return {"tape": str(output), "preset": config.name, "bytes": len(tape.image),
            "header": asdict(tape.header), "clocks": predict(tape).to_dict()}


def check_file(path):
    """Header of a tape file; TapeError when it is damaged."""
    return {"tape": str(path), "header": asdict(check_image(path.read_bytes(), str(path)))}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tritone.compiler",
                                     description="A checkpoint to a tape, or the check of a tape.")
    parser.add_argument("model", type=Path, nargs="?", help="checkpoint folder")
    parser.add_argument("-o", "--output", type=Path, help="tape file to write")
    parser.add_argument("--preset", default="virtual", choices=sorted(PRESETS))
    parser.add_argument("--check", type=Path, metavar="TAPE", help="check a tape file instead")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if not options.check and not (options.model and options.output):
        parser.error("give a model and -o TAPE, or --check TAPE")
    try:
        figures = (check_file(options.check) if options.check else
                   compile_file(options.model, options.output, preset(options.preset)))
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    header = figures["header"]
    if options.json:
        print(json.dumps(figures))
    else:
        print(f"{figures['tape']}: {header['layers']} layers of {header['hidden']}, vocabulary "
              f"{header['vocabulary']}, {header['image_words']:,} words, model "
              f"{header['model_id']:08x}")
        if "clocks" in figures:
            print("predicted: {token:,} clocks a token, {prompt:,} a prompt token".format(
                **figures["clocks"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
