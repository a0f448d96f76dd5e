"""iCESugar-Pro of MuseLab: ECP5-25F on a module, 32 MB of SDRAM, RGB LED, no button.

Pins: amaranth_boards.icesugar_pro.
"""

from amaranth_boards.icesugar_pro import ICESugarProPlatform

from .board import Board, Lamp, Memory

BOARDS = [Board(
    name="icesugar-pro", title="iCESugar-Pro", platform=ICESugarProPlatform,
    preset="sdram16-compact",
    ready=Lamp(resource="rgb_led", member="g"), busy=Lamp(resource="rgb_led", member="b"),
    error=Lamp(resource="rgb_led", member="r"),
    memory=Memory(part="W9825G6KH", bits=16, megabytes=32),
    loader=("--board", "icesugar-pro"))]
