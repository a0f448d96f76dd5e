"""ULX3S of Radiona: the same board with any of four ECP5, 32 MB of SDRAM, FT231X.

Pins: amaranth_boards.ulx3s. SDRAM: MT48LC16M16A2, AS4C16M16SA or AS4C32M16SB, depending on when the
board was made; what is used of them, 32 MB with nine column bits, all three have.
"""

from amaranth_boards.ulx3s import (
    ULX3S_12F_Platform,
    ULX3S_25F_Platform,
    ULX3S_45F_Platform,
    ULX3S_85F_Platform,
)

from .board import Board, Lamp, Memory


def _ulx3s(size, platform, preset):
    return Board(
        name=f"ulx3s-{size}", title=f"ULX3S {size.upper()}", platform=platform, preset=preset,
        ready=Lamp(resource="led", number=0), busy=Lamp(resource="led", number=1),
        error=Lamp(resource="led", number=2), reset="button_fire",
        memory=Memory(part="MT48LC16M16", bits=16, megabytes=32),
        loader=("--board", "ulx3s"))


BOARDS = [_ulx3s("12f", ULX3S_12F_Platform, "sdram16-compact"),
          _ulx3s("25f", ULX3S_25F_Platform, "sdram16-compact"),
          _ulx3s("45f", ULX3S_45F_Platform, "sdram16"),
          _ulx3s("85f", ULX3S_85F_Platform, "sdram16")]
