"""Measures a board: tokens a second, latency, and with a meter watts and joules a token.

    python host/measure.py --board /dev/ttyUSB0 --meter hwmon:/sys/class/hwmon/hwmon3
    python host/measure.py --board virtual --tokens 50

Writes run.json and run.html; docs/measure.md tells what the figures mean and how to attach a meter.
"""

if __name__ == "__main__" and not __package__:  # run by its path
    from tritone.host import measure
    raise SystemExit(measure.main())

import argparse
import json
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from ..common.errors import INTERRUPTED, TritoneError
from ..common.origin import origin
from ..meters.meter import SpecError, parse_spec
from ..meters.recorder import Recorder
from ..sim.cache import build_root
from .common_options import (Parser, add_run_arguments, board_config, compile_tape, open_board,
                             temperature_code)
from .measure_display import Gauge
from .measure_report import FORMAT, lines, report
from .measurement import Measurement
from .pcie_sim import PORT as PCIE_SIM
from .text import Detokeniser, encode_prompt, load_tokenizer
from .workload import Workload, check_workload


class MissingPackage(TritoneError):
    """A Python package that the page needs."""


def meter(text):
    try:
        return parse_spec(text)
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def repeats(text):
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text} is out of range: 1 to 1000")
    return value


def seconds(text):
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is out of range: above 0, to 3600")
    return value


def parse(arguments=None):
    parser = Parser(prog="measure.py", description=__doc__.splitlines()[0])
    add_run_arguments(parser)
    parser.add_argument("--repeats", type=repeats, default=5, metavar="N",
                        help="passes that count; one more warms up before them")
    parser.add_argument("--meter", type=meter, metavar="KIND:PLACE",
                        help="visa:RESOURCE, hwmon:FOLDER, ppk2:PORT,volts=V or csv:FILE")
    parser.add_argument("--idle", type=seconds, default=3.0, metavar="S",
                        help="least seconds of idle time that are recorded with a meter")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="for run.json and run.html; build/measure/BOARD-MODEL-PRESET")
    parser.add_argument("--json", action="store_true",
                        help="print nothing but the JSON object at the end")
    return parser.parse_args(arguments)


def out_folder(options, config):
    """The folder for the results, made now: before a run that may take long."""
    port, model = Path(options.board).name, options.model.resolve().name
    name = re.sub(r"[^\w.-]+", "-", f"{port}-{model}-{config.name}")
    folder = options.out or build_root() / "measure" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_whole(path, text):
    """Writes a file, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def prepare(options):
    """(Config, Tape, Prediction, Workload, tokenizer), refused here if anywhere."""
    if not find_spec("matplotlib"):
        raise MissingPackage("the page needs the Python package matplotlib: pip install -e "
                             "'.[measure]'")
    tokenizer = load_tokenizer(options.model)
    encode_prompt(tokenizer, options.prompt)  # complain before anything takes time
    config = board_config(options)
    tape, prediction = compile_tape(options.model, config)
    prompt = encode_prompt(tokenizer, options.prompt, tape.vocabulary)
    workload = Workload(tuple(prompt), options.tokens, temperature_code(options.temperature),
                        options.seed)
    check_workload(workload, tape, prediction, simulated_chip(options))
    return config, tape, prediction, workload, tokenizer


def simulated_chip(options):
    """SdramUse at the virtual board's pins, None of another board."""
    if options.board != "virtual":
        return None
    from ..sim.virtual import memory_use
    return memory_use(options.memory)


def run_all(options, config, tape, measurement):
    """Runs on the board; (where figures come from, exit code). What is lost once the passes have
    begun is told in measurement.partial."""
    source, status = "golden", 0
    with Gauge(measurement.recorder) as gauge:
        try:
            with open_board(options, config, tape) as board:
                source = getattr(board, "provenance", "golden")
                board.vocabulary = tape.vocabulary
                gauge.stage("checking and loading the tape")
                board.load(tape.image)
                measurement.run(board, gauge)
        except (Exception, KeyboardInterrupt) as error:  # passes may be worth hours
            if measurement.began is None:
                raise
            status, measurement.partial = lost(error)
        gauge.stage("waiting for the last samples")
        try:
            measurement.stop()
        except KeyboardInterrupt as error:
            status, measurement.partial = lost(error)
    return source, status


def lost(error):
    """(exit code, reason) of a run that ended early."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    said = " ".join(str(error).split())
    ours = isinstance(error, (TritoneError, OSError))
    return 1, said if ours else f"{type(error).__name__}: {said}"


def no_energy(energy):
    """Why a run with a meter has none, "" if it has or there was no meter."""
    missing = energy and energy["refused"] and energy["joules_a_token"] is None
    return f"no energy: {energy['refused'][0]}" if missing else ""


def conditions(options, config, measurement, tokenizer):
    """Under what the figures were obtained."""
    first = measurement.warm_up
    words = Detokeniser(tokenizer, measurement.workload.prompt)
    text = "".join([*map(words.feed, first.head), words.flush()]) if first else ""
    return {
        "board": options.board, "preset": config.name,
        "memory": options.memory if options.board in ("virtual", PCIE_SIM) else None,
        "model": options.model.resolve().name, "prompt": options.prompt,
        "prompt_tokens": len(measurement.workload.prompt), "tokens": options.tokens,
        "repeats": options.repeats, "seed": options.seed, "temperature": options.temperature,
        "text": text,
    }


def measure(options, arguments):
    """Everything between arguments and files; the exit code."""
    config, tape, prediction, workload, tokenizer = prepare(options)
    folder, whence = out_folder(options, config), origin("python", "host/measure.py", *arguments)
    measurement = Measurement(workload, options.repeats, options.idle,
                              options.meter and Recorder(options.meter))
    source, status = run_all(options, config, tape, measurement)
    found = {
        "format": FORMAT, **whence,
        **conditions(options, config, measurement, tokenizer),
        **report(measurement, source, config, prediction),
    }
    from .measure_page import page
    shown = page(found)
    write_whole(folder / "run.json", json.dumps(found, indent=1, allow_nan=False) + "\n")
    write_whole(folder / "run.html", shown)
    if options.json:
        print(json.dumps(found, allow_nan=False))
    else:
        print("\n".join([*lines(found), f"written: {folder}/run.json and run.html"]))
    if status == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    elif status:
        print(f"error: {measurement.partial}", file=sys.stderr)
    elif missing := no_energy(found["energy"]):
        print(f"error: {missing}", file=sys.stderr)
        return 1
    return status


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    try:
        return measure(options, arguments)
    except (TritoneError, ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
