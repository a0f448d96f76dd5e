"""The machine that `--board pcie-sim` simulates, by its preset and its memory."""

from ..boards.board import vendor_boards
from ..common.config import preset
from ..common.errors import TritoneError


class PcieMachineError(TritoneError):
    """There is no such machine behind PCIe."""


def board_of(memory):
    """The VendorBoard of `--memory`, None for plain; PcieMachineError for one without PCIe."""
    if memory == "plain":
        return None
    boards = vendor_boards()
    if memory not in boards:
        raise PcieMachineError(f"--memory {memory}: a simulated board behind PCIe has plain or "
                               f"that of {', '.join(sorted(boards))}")
    return boards[memory]


def config_of(preset_name, memory):
    """Its Config; a board's machine runs at the board's clock."""
    board = board_of(memory)
    return board.with_preset(preset_name).config if board else preset(preset_name)
