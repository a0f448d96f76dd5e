"""What is said of a board whose FPGA only its vendor's tool can fill."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..common.config import preset
from .board import BoardError, boards, vendor_boards


@dataclass(frozen=True, kw_only=True)
class PcieBlock:
    """The hard block for PCI Express, as the board uses it.

    speed : str
        "2.5_GT/s", "5.0_GT/s" or "8.0_GT/s".
    width : int
        Lanes of the link.
    user_hz : int
        Of its user clock, which the machine runs at.
    dwords : int
        Of a beat of its streams.
    location, quad : str
        Which block and which transceivers, in the vendor's names.
    """

    speed: str
    width: int
    user_hz: int
    dwords: int
    location: str
    quad: str


@dataclass(frozen=True, kw_only=True)
class Ddr4:
    """DDR4 chips behind the vendor's controller.

    part : str
        In the vendor's names.
    interface, clock_interface : str
        Of the vendor's board file, which has the pins.
    data_bits : int
        Of all chips beside each other.
    size : int
        Bytes.
    period_ps, input_period_ps : int
        Of the memory's clock and of the oscillator.
    older : dict
        {interface: part} of boards made earlier.
    """

    part: str
    interface: str
    clock_interface: str
    data_bits: int
    size: int
    period_ps: int
    input_period_ps: int
    older: dict

    @property
    def axi_bits(self):
        """A burst of eight beats of the pins is a beat of AXI."""
        return 8 * self.data_bits

    @property
    def axi_period_ps(self):
        """Of the clock of the AXI port: the controller's is a quarter of the pins'."""
        return 4 * self.period_ps

    @property
    def peak(self):
        """Bytes a second: two beats a clock."""
        return self.data_bits // 8 * 2 * 10**12 / self.period_ps


@dataclass(frozen=True, kw_only=True)
class VendorBoard:
    """A board, as `make verilog BOARD=name` needs it.

    part, board_part : str
        FPGA and board in the vendor's names.
    machine : callable
        (Config, PcieUse) -> the machine, a component like rtl.pcie_link.PcieTop.
    room : dict
        {resource: how many of it the FPGA has}.
    lamps : tuple of (pin, what)
        Outputs that are high while something is so.
    pins : dict
        {port: (pin, IO standard)} of the top level, where the tool does not know them itself.
    """

    name: str
    title: str
    part: str
    board_part: str
    preset: str
    machine: Callable
    pcie: PcieBlock
    ddr4: Ddr4
    room: dict
    lamps: tuple
    pins: dict

    @property
    def config(self):
        """Config of the machine, which runs at the block's user clock."""
        return preset(self.preset, clock_hz=self.pcie.user_hz)

    def with_preset(self, name):
        """The same board with another machine."""
        return replace(self, preset=preset(name).name)


def vendor_board(name):
    """The VendorBoard called `name`; BoardError lists the known ones."""
    known = vendor_boards()
    if name in known:
        return known[name]
    if name in boards():
        raise BoardError(f"{name!r} needs no vendor's tool: make synth BOARD={name}")
    raise BoardError(f"unknown board {name!r}; built with the vendor's tool: "
                     f"{', '.join(sorted(known))}; with open ones: {', '.join(sorted(boards()))}")
