"""What all commands that run a model share: arguments, the board that they name, the tape."""

import argparse
import contextlib
from pathlib import Path

from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from ..common.formats import DEFAULT
from ..model.tokenizer import check_tokenizer
from . import pcie_sim
from .driver import Board
from .transport import BAUD

VIRTUAL_TIMEOUT = 30.0  # 20 ms of a simulated clock may take seconds
NOT_PORTS = "virtual", "golden", pcie_sim.PORT


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message):
        self.exit(2, f"error: {message}\n")


def at_least_one(text):
    """A number of tokens that one run can have."""
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


def add_run_arguments(parser):
    """The board, the model, what to run on it."""
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
                             "board's name: with its chip and its rate. Of pcie-sim: plain, or "
                             "kcu116: the machine that make verilog writes, with an AXI memory")
    parser.add_argument("--load-over-link", action="store_true",
                        help="send the tape to the virtual board through its serial port")


def board_config(options):
    """Config of the machine that --board names; a board at a PORT is asked."""
    if options.board == pcie_sim.PORT:
        from ..sim.pcie_machine import config_of
        return config_of(options.preset, options.memory)
    if options.board in NOT_PORTS:
        return preset(options.preset)
    with Board.open(options.board, baud=options.baud) as board:
        return board.identify()["config"]


@contextlib.contextmanager
def open_board(options, config, tape):
    """The board that --board names, whose machine is `config`."""
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
        simulation = pcie_sim.open_pcie_sim(options.preset, memory=options.memory)
        with Board(simulation, timeout=pcie_sim.TIMEOUT_S, attempts=3, stall=pcie_sim.STALL_S,
                   provenance="simulated") as board:
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
