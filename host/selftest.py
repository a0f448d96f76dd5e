"""Tests a board: link, memory, every block of the machine, and one known text.

    python host/selftest.py --board /dev/ttyUSB0
    python host/selftest.py --board virtual --preset tiny

Prints a line for each check and says PASS, or what failed and what to try (docs/bringup.md). What
was in the board's memory is lost.
"""

if __name__ == "__main__" and not __package__:  # run by its path
    from tritone.host import selftest
    raise SystemExit(selftest.main())

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..common.config import PRESETS, preset
from ..common.errors import INTERRUPTED, TritoneError
from .check_blocks import check_blocks
from .check_link import check_link
from .check_memory import check_memory
from .check_text import check_text
from .common_options import VIRTUAL_TIMEOUT, Parser
from .driver import Board
from .failure import Failure
from .shipped import fitting
from .transport import BAUD, BoardError, open_transport

CHECKS = {"link": check_link, "memory": check_memory, "blocks": check_blocks, "text": check_text}
TIMEOUT = 1.0  # seconds
VIRTUAL_WORDS = 4096  # that a march visits unless told otherwise


def count(text):
    """A number of words, or "all" as None."""
    if text == "all":
        return None
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is out of range: 1 or more, or all")
    return value


def parse(arguments=None):
    parser = Parser(prog="selftest.py", description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="virtual", metavar="virtual|PORT",
                        help="a PORT is a device, a pyserial URL or pcie:ADDRESS")
    parser.add_argument("--baud", type=int, default=BAUD, metavar="B", help="of the PORT")
    parser.add_argument("--preset", default="virtual", choices=sorted(PRESETS), metavar="NAME",
                        help=f"size of the virtual board: {', '.join(sorted(PRESETS))}")
    parser.add_argument("--memory", default="plain", metavar="plain|sdram|BOARD",
                        help="of the virtual board; sdram: the controller and a simulated chip")
    parser.add_argument("--march-words", type=count, default=0, metavar="N|all",
                        help=f"words to march through; all of a PORT, {VIRTUAL_WORDS:,} of the "
                        "virtual board")
    parser.add_argument("--march-backgrounds", type=count, default=1, metavar="N|all",
                        help="marches, each with another data background; 1 is usual")
    parser.add_argument("--models", type=Path, default=Path("models"), metavar="DIR",
                        help="folder of the shipped models")
    parser.add_argument("--only", choices=CHECKS, action="append", metavar="CHECK",
                        help=f"leave out the others of {', '.join(CHECKS)}; may be repeated")
    parser.add_argument("--json", action="store_true",
                        help="print nothing but a JSON object at the end")
    return parser.parse_args(arguments)


class Bench:
    """What the checks share: the board, how to tell of progress, what was asked for.

    Members
    -------
    board : driver.Board
    transport : what it talks through
    config : Config
        Of the board; known once the link answers.
    simulated : bool
    options : the arguments
    """

    def __init__(self, options, console, fault=None, config=None):
        self.options, self.console, self.fault = options, console, fault
        self.simulated = options.board == "virtual"
        self.config = config or preset(options.preset)
        self.timeout = VIRTUAL_TIMEOUT if self.simulated else TIMEOUT
        self._virtual, self.board, self._built_in = None, None, None

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, tape=None):
        """Opens the board; a virtual one starts anew, with a Tape in its memory. The largest
        shipped model is built into one that is resident."""
        self.close()
        port = self.options.board
        if self.simulated:
            from ..sim.virtual import VirtualBoard, memory_use
            if self.config.weights == "resident" and self._built_in is None:
                *_, (_, self._built_in) = fitting(self.options.models, self.config)
            self._virtual = VirtualBoard(
                self.config, tape.image if tape and not self._built_in else None,
                contents=self._built_in and self._built_in.contents, fault=self.fault,
                sdram=memory_use(self.options.memory))
            port = self._virtual.port
        self.transport = open_transport(port, self.options.baud)
        self.board = Board(self.transport, timeout=self.timeout, attempts=3,
                           provenance="simulated" if self.simulated else "board")

    def close(self):
        for part in (self.board, self._virtual):
            if part is not None:
                part.close()
        self.board = self._virtual = None

    def check_alive(self):
        """VirtualBoardError when the virtual board has stopped, with its reason."""
        if self._virtual is not None:
            self._virtual.check()

    @contextlib.contextmanager
    def progress(self, text):
        """A function (done, total) that shows a bar on a terminal."""
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self.console, transient=True,
                      disable=not self.console.is_terminal) as bar:
            task = bar.add_task(text, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def run_check(name, bench):
    """{"check", "passed", "line", "advice", ...figures} of one check."""
    try:
        figures = CHECKS[name](bench)
        return {"check": name, "passed": True, "advice": "", **figures}
    except Failure as failure:
        return {"check": name, "passed": False, "line": str(failure), "advice": failure.advice,
                **failure.figures}
    except (BoardError, ValueError) as error:
        bench.check_alive()  # knows better why
        section = "The board is silent" if name == "link" else "The machine stands still"
        return {"check": name, "passed": False, "line": " ".join(str(error).split()),
                "advice": f"docs/bringup.md, \"{section}\""}


def show(console, result):
    """One line, and what to try."""
    word, style = ("ok", "green") if result["passed"] else ("FAILED", "bold red")
    console.print(f"{result['check']:<7} [{style}]{word:<6}[/] ", end="")
    console.print(result["line"], markup=False, highlight=False, soft_wrap=True)
    if result["advice"]:
        console.print(f"{'':<7} try    {result['advice']}", markup=False, highlight=False,
                      soft_wrap=True)


def selftest(options, fault=None, config=None):
    """Runs the checks; their results. A board whose link fails is asked nothing more."""
    console, results = Console(stderr=options.json), []
    names = [n for n in CHECKS if not options.only or n in options.only]
    with Bench(options, console, fault, config) as bench:
        for name in names:
            results.append(run_check(name, bench))
            if not options.json:
                show(console, results[-1])
            if name == "link" and not results[-1]["passed"]:
                break
    failed = [r["check"] for r in results if not r["passed"]]
    if options.json:
        print(json.dumps({"passed": not failed, "board": options.board,
                          "preset": bench.config.name, "checks": results}))
    else:
        console.print(f"FAIL: {', '.join(failed)}" if failed else "PASS",
                      style="bold red" if failed else "bold green")
    return 1 if failed else 0


def main(arguments=None):
    options = parse(arguments)
    if options.march_words == 0:
        options.march_words = VIRTUAL_WORDS if options.board == "virtual" else None
    try:
        return selftest(options)
    except (TritoneError, ValueError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
