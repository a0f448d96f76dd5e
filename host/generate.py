"""Writes text with a model on a board, on the simulated board or with the golden model.

    python host/generate.py --board virtual --model models/stories-1m5 --prompt "Once upon a time"
"""

if __name__ == "__main__" and not __package__:  # run by its path
    from tritone.host import generate
    raise SystemExit(generate.main())

import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass

from ..common.errors import INTERRUPTED, TritoneError
from .common_options import (Parser, add_run_arguments, board_config, compile_tape, open_board,
                             temperature_code)
from .display import Display
from .text import Detokeniser, encode_prompt, end_of_text, load_tokenizer

SOURCES = {"simulated": "simulated clock", "golden": "predicted clocks", "board": "board"}


def parse(arguments=None):
    parser = Parser(prog="generate.py", description=__doc__.splitlines()[0])
    add_run_arguments(parser)
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
    config = board_config(options)
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
