"""Colorlight 5A-75B 7.0: receiver card for LED walls, two SDRAM of 16 bits side by side, 4 MB.

Pins: amaranth_boards.colorlight_5a75b_r7_0. A serial adapter goes to J19: KEY+ is what the board
hears, DATA_LED- what it says; so its button is the serial line, and pressing it is a break, which
resets. The LED is lost to the line too: the lamps are pins 1 to 3 of connector J1, whose buffers
drive them with 5 V.
"""

from amaranth.build import Attrs, Pins, Resource
from amaranth_boards.colorlight_5a75b_r7_0 import Colorlight_5A75B_R70Platform

from .board import Board, Lamp, Memory


class Colorlight(Colorlight_5A75B_R70Platform):
    """The board with three outputs on J1."""

    resources = Colorlight_5A75B_R70Platform.resources + [
        Resource("lamp", n, Pins(str(n + 1), dir="o", conn=("j", 1)), Attrs(IO_TYPE="LVCMOS33"))
        for n in range(3)]


BOARDS = [Board(
    name="colorlight-5a75b", title="Colorlight 5A-75B", platform=Colorlight,
    preset="sdram32-compact",
    ready=Lamp(resource="lamp", number=0), busy=Lamp(resource="lamp", number=1),
    error=Lamp(resource="lamp", number=2),
    memory=Memory(part="M12L16161A", bits=32, megabytes=4),
    loader=("--board", "colorlight"))]
