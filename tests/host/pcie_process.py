"""A process that stands in for sim/pcie_board.py: the endpoint's twin behind its socket.

    python pcie_process.py MODE [PRESET MODEL] SOCKET MEMORY

MODE is good, or what goes wrong: no-start, refuse, old, die, fall-silent, stubborn. With PRESET and
MODEL the golden model is the machine, else the recurrence of stand_in.py.
"""

import asyncio
import mmap
import signal
import sys
import time

from twins import CONFIG, GoldenMachine, StandInMachine

from tritone.common.config import preset
from tritone.common.pcie_socket import REPLY, Answer
from tritone.sim.board_twin import BoardTwin
from tritone.sim.pcie_server import connected, serve
from tritone.sim.pcie_twin import HostMemory, PcieTwin

MEMORY_AT = 0x7_0000_0000
LIVES = 60  # requests that are answered before something goes wrong


class TwinDevice:
    """A PcieTwin as sim/pcie_server.py wants a device; trouble comes after LIVES requests."""

    def __init__(self, twin, mode):
        self._twin, self._mode, self._left = twin, mode, LIVES

    def _live(self):
        self._left -= 1
        if self._left < 0 and self._mode == "die":
            print("a line before", "\n the block's model met packet 17 ", flush=True)
            sys.exit(3)
        if self._left < 0 and self._mode == "fall-silent":
            time.sleep(1000)

    async def read32(self, offset):
        self._live()
        return self._twin.read32(offset)

    async def write32(self, offset, value):
        self._live()
        self._twin.write32(offset, value)

    async def enable(self, master):
        self._twin.enable(master)

    async def rest(self):
        if not self._twin.step():
            await asyncio.sleep(1e-4)


def board(arguments):
    """A BoardTwin as the command line says."""
    if not arguments:
        return BoardTwin(CONFIG, StandInMachine())
    from tritone.compiler.tape import compile_model
    config = preset(arguments[0])
    tape = compile_model(arguments[1], config)
    return BoardTwin(config, GoldenMachine(arguments[1], tape.image, config))


def main():
    mode, *arguments, connection, memory = sys.argv[1:]
    connection = connected(int(connection))
    if mode == "no-start":
        sys.exit(print("g++ is missing; install it", flush=True) or 1)
    if mode in ("refuse", "old"):
        connection.recv(100)
        if mode == "old":
            connection.sendall(REPLY.pack(1, Answer.UNKNOWN, 0))
        time.sleep(1000)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    host = HostMemory()
    host.lend(memoryview(mmap.mmap(int(memory), 0)), MEMORY_AT)
    device = TwinDevice(PcieTwin(board(arguments), host, works=False), mode)
    asyncio.run(serve(connection, MEMORY_AT, device, device.rest))
    if mode == "stubborn":
        time.sleep(1000)


if __name__ == "__main__":
    main()
