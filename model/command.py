"""What the commands convert and unpack share: arguments, progress, errors in one line."""

import argparse
import json
import resource
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ..common.errors import TritoneError


def parser(name, description, epilog, source, help_of_source):
    """The ArgumentParser of `tritone NAME SOURCE -o DIR [--force] [--json]`."""
    result = argparse.ArgumentParser(prog=f"tritone {name}", description=description,
                                     epilog=epilog,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("source", metavar=source, help=help_of_source)
    result.add_argument("-o", "--output", type=Path, required=True, metavar="DIR",
                        help="folder to write; it must not exist")
    result.add_argument("--force", action="store_true", help="replace a model folder DIR")
    result.add_argument("--json", action="store_true", help="print one JSON object")
    return result


def progress_bar():
    """A bar of bytes on stderr, with the time that is left; nothing when that is no terminal."""
    console = Console(stderr=True)
    return Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
                    TimeRemainingColumn(), console=console, transient=True,
                    disable=not console.is_terminal)


def peak_memory():
    """Largest resident memory of this process so far, in bytes, files mapped into it included."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run(work, options, summary):
    """Exit code of `work(source, output, force)`, whose result (a dict) is printed."""
    try:
        figures = work(options.source, options.output, options.force)
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures) if options.json else summary(figures))
    return 0
