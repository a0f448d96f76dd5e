"""`tritone COMMAND ...`: the commands of the project besides host/generate.py.

    tritone convert models/stories-1m5 -o build/packed
    tritone COMMAND --help
"""

import os
import sys
from importlib import import_module

from ..common.errors import INTERRUPTED

# name -> (module with main(arguments) -> exit code, what it does); imported only when it runs
COMMANDS = {
    "convert": ("tritone.model.convert", "pack a released checkpoint: trits and scales"),
    "unpack": ("tritone.model.unpack", "turn a packed model back into released form"),
    "compile": ("tritone.compiler.__main__", "write the tape of a model for a machine"),
    "oracle": ("tritone.model.oracle", "hold the models to what the authors' code computes"),
    "power": ("tritone.power.command", "estimate what a board draws, fit that to measured runs"),
    "selftest": ("tritone.host.selftest", "test a board: link, memory, blocks, a text"),
    "measure": ("tritone.host.measure", "tokens/s, watts and joules a token of a board"),
    "bench-cpu": ("tritone.cpu.bench", "measure the models on this processor"),
    "quality": ("tritone.model.quality", "bits a byte of the integers and of the float reference"),
}


def usage():
    lines = ["usage: tritone COMMAND [arguments]", "", "commands:"]
    lines += [f"  {name:<9} {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join([*lines, "", "tritone COMMAND --help explains the arguments of each."])


def dispatch(arguments):
    """Exit code of a command, 2 when there is none of its name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"error: there is no command {name!r}; there are {', '.join(COMMANDS)}",
              file=sys.stderr)
        return 2
    return import_module(COMMANDS[name][0]).main(rest)


def main(arguments=None):
    """Runs a command; its exit code."""
    try:
        status = dispatch(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return status
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "tritone":
            raise
        print(f"error: the Python package {error.name} is missing; make .venv/ready installs all "
              "that the commands need", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
