"""Icepi Zero 1.3: ECP5-25F in the shape of a Raspberry Pi Zero, 32 MB of SDRAM, FT231X.

Pins: amaranth_boards.icepi_zero.
"""

from amaranth_boards.icepi_zero import IcepiZero1_3Platform

from ..common.boards import PRESET_OF
from ..common.sdram_parts import part
from .board import Board, Lamp, Memory

BOARDS = [Board(
    name="icepi-zero", title="Icepi Zero", platform=IcepiZero1_3Platform,
    preset=PRESET_OF["icepi-zero"],
    ready=Lamp(resource="led", number=0), busy=Lamp(resource="led", number=1),
    error=Lamp(resource="led", number=2), reset="button",
    memory=Memory(part=part("W9825G6KH-6")),
    loader=("--board", "icepi-zero"), seed=4)]
