"""Writes text with a model on a board, on the simulated board or with the golden model.

    python host/generate.py --board virtual --model models/stories-1m5 --prompt "Once upon a time"
"""

if __name__ == "__main__" and not __package__:  # run by its path
    from tritone.host import generate
    raise SystemExit(generate.main())

import argparse
import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from ..common.formats import DEFAULT
from ..model.tokenizer import check_tokenizer
from . import pcie_sim
from .display import Display
from .driver import Board
from .text import Detokeniser, encode_prompt, end_of_text, load_tokenizer
from .transport import BAUD

SOURCES = {"simulated": "simulated clock", "golden": "predicted clocks", "board": "board"}
VIRTUAL_TIMEOUT = 30.0  # 20 ms of a simulated clock may take seconds
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message):
        self.exit(2, f"error: {message}\n")


def at_least_one(text):
    value = int(text)
    if not 1 <= value < 1 << 24:
        raise argparse.ArgumentTypeError(f"{text} is out of range: 1 to {(1 << 24) - 1}")
    return value


def temperature(text):
    value = float(text)
    most = 1 << DEFAULT.temperature_bits - DEFAULT.temperature_frac
    if not 0 <= value < most:  # also refuses nan
        raise argparse.ArgumentTypeError(f"{text} is out of range: 0 to below {most}")
    return value


def seed(text):
    value = int(text, 0)
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is out of range: 0 to 2**64 - 1")
    return value


def temperature_code(value):
    """Unsigned fixed point of a temperature; only 0 itself becomes 0, which is greedy."""
    code = round(value * (1 << DEFAULT.temperature_frac))
    return min(max(code, 1 if value else 0), (1 << DEFAULT.temperature_bits) - 1)


def parse(arguments=None):
    parser = Parser(prog="generate.py", description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="virtual", metavar="virtual|golden|pcie-sim|PORT",
                        help="where the model runs; a PORT is a device, a pyserial URL or "
                             "pcie:ADDRESS; pcie-sim simulates a board and its PCIe host")
    parser.add_argument("--baud", type=int, default=BAUD, metavar="B", help="of the PORT")
    parser.add_argument("--model", type=Path, default=Path("models/stories-1m5"), metavar="DIR")
    parser.add_argument("--prompt", default="Once upon a time", metavar="S")
    parser.add_argument("--tokens", type=at_least_one, default=200, metavar="N")
    parser.add_argument("--temperature", type=temperature, default=0.0, metavar="T",
                        help="0, the default, takes the likeliest token")
    parser.add_argument("--seed", type=seed, default=1, metavar="K")
    parser.add_argument("--preset", default="virtual", choices=sorted(PRESETS), metavar="NAME",
                        help=f"size of the machine, not for a PORT: {', '.join(sorted(PRESETS))}")
    parser.add_argument("--memory", default="plain", metavar="plain|sdram|BOARD",
                        help="of the virtual board; sdram: the controller and a simulated chip; a "
                             "board's name: with its chip and its rate")
    parser.add_argument("--load-over-link", action="store_true",
                        help="send the tape to the virtual board through its serial port")
    parser.add_argument("--stop", action="store_true", help="stop at the end of the text")
    parser.add_argument("--json", action="store_true",
                        help="print nothing but a JSON object at the end")
    return parser.parse_args(arguments)


@dataclass
class Result:
    """What a run gave."""

    tokens: list
    text: str
    seconds_per_token: float
    counters: dict


@contextlib.contextmanager
def open_board(options, config, tape):
    """The board that --board names; for a PORT, `config` is None until it has been asked."""
    if options.board == "golden":
        from .golden import GoldenBoard
        board = GoldenBoard(options.model, config)
        with contextlib.closing(board):
            yield board
    elif options.board == "virtual":
        from ..sim.virtual import VirtualBoard, memory_use
        image = None if options.load_over_link or tape.contents else tape.image
        with VirtualBoard(config, image, contents=tape.contents,
                          sdram=memory_use(options.memory)) as virtual, \
                Board.open(virtual.port, timeout=VIRTUAL_TIMEOUT, attempts=3,
                           provenance="simulated") as board:
            try:
                yield board
            except TritoneError:
                virtual.check()  # knows better why
                raise
    elif options.board == pcie_sim.PORT:
        with Board(pcie_sim.open_pcie_sim(options.preset), timeout=pcie_sim.TIMEOUT_S, attempts=3,
                   stall=pcie_sim.STALL_S, provenance="simulated") as board:
            yield board
    else:
        with Board.open(options.board, baud=options.baud) as board:
            yield board


def compile_tape(model, config):
    """Tape and Prediction of a model folder."""
    from ..compiler.clocks import predict
    from ..compiler.tape import compile_model
    tape = compile_model(model, config)
    check_tokenizer(model, tape.vocabulary)
    return tape, predict(tape, config)


def run(board, options, tape, prompt, tokenizer):
    """Loads the tape, generates, shows the text as it comes; a Result."""
    ends = end_of_text(tokenizer, options.model) if options.stop else ()
    words = Detokeniser(tokenizer, prompt)
    tokens, pieces, times = [], [], []
    source = SOURCES.get(getattr(board, "provenance", "golden"), "golden")
    with Display(options.tokens, source, text=not options.json) as display:
        display.note("checking and loading the tape")
        board.load(tape.image)
        display.note(f"reading {len(prompt)} tokens of prompt")
        display.show(options.prompt)
        run = board.run(prompt, options.tokens, temperature_code(options.temperature),
                        options.seed)
        times.append(time.monotonic())
        with contextlib.closing(run):
            for token in run:
                times.append(time.monotonic())
                tokens.append(token)
                pieces.append(words.feed(token))
                display.count()
                display.show(pieces[-1])
                if token in ends:
                    break
        pieces.append(words.flush())
        display.show(pieces[-1])
    if len(times) > 2:
        del times[0]  # the prompt's share
    return Result(tokens, "".join(pieces), (times[-1] - times[0]) / (len(times) - 1),
                  board.counters())


def whole(numerator, denominator):
    """The quotient, as an integer when it is one."""
    quotient, rest = divmod(numerator, denominator)
    return numerator / denominator if rest else quotient


def report(result, options, prompt, prediction, config, provenance):
    """The object that --json prints."""
    counters = result.counters
    clocks = prediction.token
    if provenance != "golden":
        clocks = whole(counters["clocks"], counters["tokens"])
    return {
        "tokens": result.tokens,
        "text": result.text,
        "prompt": options.prompt,
        "prompt_tokens": len(prompt),
        "clocks_per_token": clocks,
        "predicted_clocks_per_token": prediction.token,
        "clock_hz": config.clock_hz,
        "tokens_per_second": config.clock_hz / clocks,
        "wall_tokens_per_second": 1 / max(result.seconds_per_token, 1e-9),
        "provenance": provenance,
        "counters": counters,
        "model": str(options.model),
        "board": options.board,
        "preset": config.name,
        "seed": options.seed,
        "temperature": options.temperature,
    }


def summary(figures):
    """One line for people."""
    how = {"simulated": "simulated clock by clock", "golden": "predicted, not simulated",
           "board": "counted by the board"}[figures["provenance"]]
    return (f"{len(figures['tokens'])} tokens; {figures['clocks_per_token']:,.0f} clocks a token "
            f"({how}; predicted {figures['predicted_clocks_per_token']:,}): "
            f"{figures['tokens_per_second']:,.1f} tokens/s at "
            f"{figures['clock_hz'] / 1e6:g} MHz; "
            f"{figures['wall_tokens_per_second']:,.1f} tokens/s by the wall clock")


def generate(options):
    """Everything between arguments and output."""
    tokenizer = load_tokenizer(options.model)
    encode_prompt(tokenizer, options.prompt)  # complain before anything takes time
    config = preset(options.preset)
    if options.board not in ("virtual", "golden", pcie_sim.PORT):
        with Board.open(options.board, baud=options.baud) as board:
            config = board.identify()["config"]
    tape, prediction = compile_tape(options.model, config)
    prompt = encode_prompt(tokenizer, options.prompt, tape.vocabulary)
    with open_board(options, config, tape) as board:
        board.vocabulary = tape.vocabulary
        provenance = getattr(board, "provenance", "golden")
        result = run(board, options, tape, prompt, tokenizer)
    figures = report(result, options, prompt, prediction, config, provenance)
    if options.json:
        print(json.dumps(figures))
    else:
        print(summary(figures), file=sys.stderr)


def main(arguments=None):
    options = parse(arguments)
    try:
        generate(options)
    except (TritoneError, ValueError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
