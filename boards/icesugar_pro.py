"""iCESugar-Pro of MuseLab: ECP5-25F on a module, 32 MB of SDRAM, RGB LED, no button.

Pins: amaranth_boards.icesugar_pro.
"""

from amaranth_boards.icesugar_pro import ICESugarProPlatform

from ..common.boards import PRESET_OF
from ..common.sdram_parts import part
from .board import Board, Lamp, Memory

BOARDS = [Board(
    name="icesugar-pro", title="iCESugar-Pro", platform=ICESugarProPlatform,
    preset=PRESET_OF["icesugar-pro"],
    ready=Lamp(resource="rgb_led", member="g"), busy=Lamp(resource="rgb_led", member="b"),
    error=Lamp(resource="rgb_led", member="r"),
    memory=Memory(part=part("W9825G6KH-6")),
    loader=("--board", "icesugar-pro"), seed=2)]
