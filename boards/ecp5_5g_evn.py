"""ECP5-5G evaluation board of Lattice (LFE5UM5G-85F-EVN): a chip of grade 8, no memory beside it.

Pins: amaranth_boards.ecp5_5g_evn. Its FTDI chip speaks serial only after two resistors have moved
and its EEPROM was written anew (Lattice FPGA-EB-02017, section 6.2); or use an adapter on the pins
of the UART, P2 what the board hears, P3 what it says.
"""

from amaranth_boards.ecp5_5g_evn import ECP55GEVNPlatform

from ..common.boards import PRESET_OF
from .board import Board, Lamp

BOARDS = [Board(
    name="ecp5-5g-evn", title="ECP5-5G evaluation board", platform=ECP55GEVNPlatform,
    preset=PRESET_OF["ecp5-5g-evn"],
    ready=Lamp(resource="led", number=0), busy=Lamp(resource="led", number=1),
    error=Lamp(resource="led", number=2), reset="rst",
    loader=("--board", "ecp5_evn"))]
