"""`--board pcie-sim`: a simulated PCIe host and board in a process of their own.

Registers go over a socket (common/pcie_socket.py), memory for DMA is shared. The process ends with
this one, however that ends: it sees its socket close.
"""

import contextlib
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec

from ..common.pcie_socket import REPLY, REQUEST, VERSION, Answer, Ask
from .pcie import PcieTransport
from .pcie_memory import Arena
from .transport import BoardError

PORT = "pcie-sim"
MEMORY_BYTES = 1 << 20
PIECE = 1 << 18  # of a STORE: 33,000 clocks at 8 bytes a clock
START_S = 1800.0  # Verilator may have to translate and compile the machine
REPLY_S = 120.0  # of a register
END_S = 10.0
# A simulated clock is some 10,000 times slower than a real one.
PATIENCE_S, WATCH_S = 600.0, 5.0
TIMEOUT_S, STALL_S = 600.0, 3600.0  # of the driver


class SimulationError(BoardError):
    """The simulation did not start, stopped or fell silent."""


def open_pcie_sim(preset, command=None, *, memory="plain"):
    """The PcieTransport to a new simulated board; closing it ends the simulation.

    Parameters
    ----------
    preset : str
        Name of a common.config preset.
    memory : str
        "plain", that of docs/virtual-board.md, or the board of `make verilog` whose machine, with
        its AXI port, is simulated.
    command : list of str, optional
        Another program that takes a socket and a file, by their descriptors.
    """
    if command is None:
        missing = [name for name in ("cocotb", "cocotbext.pcie") if not _found(name)]
        if missing:
            raise SimulationError(f"--board {PORT} needs the Python package "
                                  f"{' and '.join(missing)}: pip install -e '.[test]'")
        command = [sys.executable, "-m", "tritone.sim.pcie_board", "--preset", preset,
                   "--memory", memory]
    simulation = PcieSim(command)
    return PcieTransport(simulation, simulation.memory, name=PORT, piece=PIECE,
                         patience=PATIENCE_S, watch=WATCH_S)


def _found(module):
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class PcieSim:
    """The window and the memory of a transport, behind a process that simulates.

    Parameters
    ----------
    command : list of str
        Two descriptors are appended: a connected Unix socket, and the file to share.
    start, reply : float
        Seconds to wait for the first answer, and for each other.

    Members
    -------
    memory : pcie_memory.Arena
    pid : int
    """

    def __init__(self, command, *, start=START_S, reply=REPLY_S):
        self._number, self._octets, self._reply_seconds = 0, b"", reply
        self._said = tempfile.TemporaryFile()
        self._process = None
        ours, theirs = socket.socketpair()
        self._socket = ours
        shared = os.memfd_create("tritone-dma")
        try:
            os.ftruncate(shared, MEMORY_BYTES)
            self._map = mmap.mmap(shared, MEMORY_BYTES)
            given = [theirs.fileno(), shared]
            # A session of its own: Ctrl-C is for this process, which ends the other in good order.
            self._process = subprocess.Popen(
                [*command, *map(str, given)], pass_fds=given, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=self._said)
            self.pid = self._process.pid
            theirs.close()
            address = self._ask(Ask.HELLO, 0, VERSION, start)
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(shared)
        self.memory = Arena(memoryview(self._map), address, self._unmap)

    def read32(self, offset):
        """The dword of BAR 0 at `offset`."""
        return self._ask(Ask.READ, offset)

    def write32(self, offset, value):
        """Write the dword of BAR 0 at `offset`."""
        self._ask(Ask.WRITE, offset, value)

    def enable(self, master):
        """Memory space on, and with `master` bus mastering too."""
        self._ask(Ask.ENABLE, 0, int(master))

    def close(self):
        """Ends the process; more than once does no harm."""
        if self._socket.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._socket.sendall(REQUEST.pack(self._next(), Ask.END, 0, 0))
            self._socket.close()  # seen at the other end, whatever it is doing
        if self._process is not None:
            self._end()
        self._said.close()

    def _unmap(self):
        with contextlib.suppress(BufferError):  # it goes with its last view
            self._map.close()

    def _end(self):
        """Waits for the process, and kills it and its children when it does not end."""
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    # The socket --------------------------------------------------------------------------------

    def _next(self):
        self._number = self._number + 1 & 0xFFFF_FFFF
        return self._number

    def _ask(self, ask, offset=0, value=0, seconds=None):
        """The value of the answer to a request."""
        number = self._next()
        deadline = time.monotonic() + (seconds or self._reply_seconds)
        try:
            self._socket.sendall(REQUEST.pack(number, ask, offset, value))
            while True:
                answered, answer, result = REPLY.unpack(self._receive(deadline))
                if answered == number:  # else of a request that Ctrl-C interrupted
                    break
        except TimeoutError as error:
            raise SimulationError(f"{PORT}: the simulation has not answered for "
                                  f"{seconds or self._reply_seconds:g} s") from error
        except OSError as error:
            raise SimulationError(f"{PORT}: {self._epitaph()}") from error
        if answer != Answer.OK:
            raise SimulationError(f"{PORT}: the simulation does not know {ask.name} of version "
                                  f"{VERSION}")
        return result

    def _receive(self, deadline):
        """The octets of one reply; what came of it stays when this is interrupted."""
        while len(self._octets) < REPLY.size:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            octets = self._socket.recv(REPLY.size - len(self._octets))
            if not octets:
                raise ConnectionResetError
            self._octets += octets
        reply, self._octets = self._octets, b""
        return reply

    def _epitaph(self):
        """Why the process is gone, in one line: the last that it said."""
        self._end()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        status = self._process.returncode
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return lines[-1].strip() if lines else f"the simulation ended with {how}"
