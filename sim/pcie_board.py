"""`--board pcie-sim`: a machine behind the model of the hard block, a root complex, and a socket.

    python -m tritone.sim.pcie_board --preset virtual --memory plain SOCKET SHARED

host/pcie_sim.py starts it, with the descriptors of a socket and of a file. It builds the simulator
with Verilator and becomes it; cocotb runs `board` below until the program at the socket is gone.
With `--memory plain` the machine's memory is that of docs/virtual-board.md; with a board's name the
machine is the `tritone.v` that `make verilog` writes for it, and a late AXI RAM its memory.
"""

import argparse
import mmap
import os
import sys
from select import select

import cocotb
from cocotb.triggers import ClockCycles

from ..boards.usplus_top import MACHINE
from ..boards.vendor import NAMES, design
from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from ..rtl.pcie_link import PcieTop
from . import runner
from .bench import machine
from .pcie_machine import board_of
from .pcie_server import connected, serve
from .progress import step
from .streams import parameters

NAME = "pcie_top"  # of the machine without a board
MEMORY_AT = 1 << 32  # of the shared memory: behind all that the root complex gives out by itself
POLL_CLOCKS = 16  # between two looks at the socket
IDLE_POLLS = 250  # at rest, and nothing asked: what is on its way to the host's memory is there
NAP_S = 0.02  # between two looks then
ANSWER_CLOCKS = 10_000  # in which a register answers
FOREVER = 1 << 62  # clocks
ALL_ONES = 0xFFFF_FFFF


async def attach(dut, config, shared, axi_period_ps=None):
    """Block, root complex and the machine's memory around the top `dut`; a PcieDevice whose
    registers answer. `shared`, an mmap, is the host's memory from MEMORY_AT on. `axi_period_ps`:
    of the clock of the AXI memory that an AxiTop of boards.vendor has."""
    from cocotbext.axi import MemoryRegion

    from . import axi_ram, memory
    from .pcie_device import PcieDevice
    device = PcieDevice(dut, names=NAMES if axi_period_ps else None)
    device.root.mem_address_space.register_region(MemoryRegion(len(shared), mem=shared), MEMORY_AT)
    if axi_period_ps:
        axi_ram.attach(dut, config, axi_period_ps)
    else:
        memory.attach(dut, config)
    await device.start(clocks=FOREVER, master=False, msi=False)
    return device


class SimulatedFunction:
    """What sim/pcie_server.py asks of a device, by the root complex's requests."""

    def __init__(self, device, busy, nap):
        self._device, self._busy, self._nap = device, busy, nap
        self._idle = 0

    async def read32(self, offset):
        """A dword of BAR 0; all ones, as a host sees it, when no completion or a bad one comes."""
        try:
            return await self._device.within(
                ANSWER_CLOCKS, self._device.bar.read_dword(offset), "completion")
        except Exception as error:  # of the root complex, which raises nothing narrower
            print(f"read of {offset:#x}: {error}", flush=True)
            return ALL_ONES

    async def write32(self, offset, value):
        await self._device.bar.write_dword(offset, value)

    async def enable(self, master):
        await self._device.function.enable_device()
        if master:
            await self._device.function.set_master()

    def rest(self):
        """Lets clocks pass; the whole simulation sleeps when the machine has long been at rest."""
        self._idle = 0 if self._busy.value else self._idle + 1
        if self._idle > IDLE_POLLS and self._nap(NAP_S):
            self._idle = 0
        return ClockCycles(self._device.clock, POLL_CLOCKS)


@cocotb.test
async def board(dut):
    """Serves the program at the other end of the socket."""
    given = parameters()
    with connected(given["socket"]) as connection, mmap.mmap(given["shared"], 0) as shared:
        device = await attach(dut, machine(given), shared, given.get("axi_period_ps"))
        function = SimulatedFunction(
            device, dut.busy, lambda seconds: select([connection], [], [], seconds)[0])
        await serve(connection, MEMORY_AT, function, function.rest)


def become(top, given, name=NAME):
    """Builds the simulator of `top`, emitted as `name`, and replaces this process by it; what it
    says goes to standard output. `given`: preset and changes of its Config, descriptors `socket`
    and `shared`, perhaps `axi_period_ps` of `attach`."""
    with step("compiling the machine behind PCIe, a minute the first time"):
        folder = runner.build(top, name)
    variables = runner.environment(name, "pcie_board", "board", 1, FOREVER, given)
    variables |= {"COCOTB_RESULTS_FILE": os.devnull, "COCOTB_LOG_LEVEL": "WARNING"}
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    os.execve(sys.executable, [sys.executable, "-m", "tritone.sim.simulator",
                               str(folder / "simulate")], variables)


def simulated(options):
    """The arguments of `become` for those of the command line."""
    given = {"preset": options.preset, "changes": {}, "socket": options.socket,
             "shared": options.shared}
    board = board_of(options.memory)
    if board is None:
        return PcieTop(preset(options.preset)), given
    given["axi_period_ps"] = board.ddr4.axi_period_ps
    return design(board.with_preset(options.preset)), given, MACHINE


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tritone.sim.pcie_board",
                                     description="A simulated board behind PCIe.")
    parser.add_argument("--preset", default="virtual", choices=sorted(PRESETS))
    parser.add_argument("--memory", default="plain", metavar="plain|BOARD")
    parser.add_argument("socket", type=int, help="descriptor of a connected Unix socket")
    parser.add_argument("shared", type=int, help="descriptor of a file: the host's memory")
    options = parser.parse_args(arguments)
    try:
        become(*simulated(options))
    except (TritoneError, ValueError, OSError) as error:
        sys.exit(print(" ".join(str(error).split()), flush=True) or 1)


if __name__ == "__main__":
    main()
