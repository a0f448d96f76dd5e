"""KCU116 of AMD: Kintex UltraScale+ XCKU5P on a PCI Express card, 1 GB of DDR4, 32 bits wide.

Why this one: its chip is in the edition of the vendor's tool that costs nothing, its memory is
soldered and wide enough for eight times the lanes of a ULX3S, and the vendor publishes its board
file. Chip, pins, memory and the place of the transceivers are from there: XilinxBoardStore,
boards/Xilinx/kcu116/1.5 (board.xml, part0_pins.xml, preset.xml). UG1239 describes the board.

How many lanes. The block gives a user clock of 125 MHz for 64 bits at Gen3 x1 (PG213), and the
machine runs at it. The memory moves 4 bytes at 2,400 MT/s, 9.6 GB/s, which is 76.8 bytes for each
clock of the machine; refresh takes a thirtieth of that (260 ns of each 7.8 us), changes of rows a
few per cent. The largest power of two below is a word of 64 bytes: 320 trits, a word a clock, 83 %
of the peak. Loading goes at the link's 1 GB/s at most: the tape of a model of 1.3B, 260 MB, in a
third of a second.

Sizes: 2,048 x 24 is the released 1.3B, which takes a quarter of the memory. The 2.7B would fit into
the memory, too; its states and vectors were not tried.
"""

from ..rtl.pcie_link import PcieTop
from .vendor_board import Ddr4, PcieBlock, VendorBoard

VENDOR_BOARDS = [VendorBoard(
    name="kcu116", title="KCU116", part="xcku5p-ffvb676-2-e",
    board_part="xilinx.com:kcu116:part0:1.5", preset="kcu116",
    machine=PcieTop,
    pcie=PcieBlock(speed="8.0_GT/s", width=1, user_hz=125_000_000, dwords=2, location="X0Y0",
                   quad="GTY_Quad_225"),
    ddr4=Ddr4(part="MT40A256M16LY-062E", interface="ddr4_sdram_062",
              clock_interface="default_sysclk1_300", data_bits=32, size=1 << 30,
              period_ps=833, input_period_ps=3332, older={"ddr4_sdram_075": "MT40A256M16GE-075E"}),
    # UltraScale architecture overview (DS890), Kintex UltraScale+, KU5P
    room={"LUT6": 216_960, "FF": 433_920, "DSP": 1_824, "BRAM36": 480, "URAM": 64},
    lamps=(("C9", "status_ready"), ("D9", "busy"), ("E10", "status_error"),
           ("E11", "memory_error"), ("F9", "link_up"), ("F10", "calibrated")),
    pins={"pcie_refclk_p": ("V7", ""), "pcie_refclk_n": ("V6", ""),
          "pcie_perst_n": ("T19", "LVCMOS18"),
          "pci_exp_rxp[0]": ("P2", ""), "pci_exp_rxn[0]": ("P1", ""),
          "pci_exp_txp[0]": ("R5", ""), "pci_exp_txn[0]": ("R4", "")},
)]
