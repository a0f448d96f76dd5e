"""ULX3S of Radiona: the same board with any of four ECP5, 32 MB of SDRAM, FT231X.

Pins: amaranth_boards.ulx3s. SDRAM: MT48LC16M16A2, AS4C32M16SB or IS42S16160G, depending on when the
board was made; the controller keeps the times of the slowest and uses what all have, 32 MB with
nine column bits. The times of the IS42S16160G were not checked against its sheet.
"""

from amaranth_boards.ulx3s import (
    ULX3S_12F_Platform,
    ULX3S_25F_Platform,
    ULX3S_45F_Platform,
    ULX3S_85F_Platform,
)

from ..common.boards import PRESET_OF
from ..common.sdram_parts import any_of
from .board import Board, Lamp, Memory

MEMORY = Memory(part=any_of("ULX3S", "MT48LC16M16A2-7E", "AS4C32M16SB-7"))


def _ulx3s(size, platform, kind="", memory=MEMORY, seed=1):
    name = f"ulx3s-{size}{kind}"
    return Board(
        name=name, title=f"ULX3S {size.upper()}", platform=platform, preset=PRESET_OF[name],
        ready=Lamp(resource="led", number=0), busy=Lamp(resource="led", number=1),
        error=Lamp(resource="led", number=2), reset="button_fire",
        memory=memory, loader=("--board", "ulx3s"), seed=seed)


BOARDS = [_ulx3s("12f", ULX3S_12F_Platform, seed=2), _ulx3s("25f", ULX3S_25F_Platform, seed=2),
          _ulx3s("45f", ULX3S_45F_Platform, seed=2), _ulx3s("85f", ULX3S_85F_Platform),
          _ulx3s("85f", ULX3S_85F_Platform, "-resident", memory=None)]
