"""The simulator's end of common/pcie_socket.py; it knows neither cocotb nor the device."""

import socket

from ..common.pcie import BAR_BYTES
from ..common.pcie_socket import REPLY, REQUEST, VERSION, Answer, Ask


class HostGone(Exception):
    """The program at the other end has closed its socket, or died."""


class PcieServer:
    """Requests of a connected socket, which does not block.

    Parameters
    ----------
    connection : socket.socket
    memory_address : int
        Of the shared memory, as the device sees it.
    """

    def __init__(self, connection, memory_address):
        self._connection, self._memory_address = connection, memory_address
        self._connection.setblocking(False)
        self._octets = b""

    def poll(self):
        """(number, ask, offset, value) when a request has come, else None; HostGone."""
        try:
            octets = self._connection.recv(REQUEST.size - len(self._octets))
        except BlockingIOError:
            return None
        except OSError as error:
            raise HostGone from error
        if not octets:
            raise HostGone
        self._octets += octets
        if len(self._octets) < REQUEST.size:
            return None
        request, self._octets = REQUEST.unpack(self._octets), b""
        return request

    async def answer(self, request, device):
        """Has `device` do what is asked, and says so; whether there is more to come."""
        number, ask, offset, value = request
        answer, result = Answer.OK, 0
        good = offset < BAR_BYTES and not offset % 4
        if ask == Ask.READ and good:
            result = await device.read32(offset)
        elif ask == Ask.WRITE and good:
            await device.write32(offset, value)
        elif ask == Ask.ENABLE:
            await device.enable(bool(value))
        elif ask == Ask.HELLO and value == VERSION:
            result = self._memory_address
        elif ask != Ask.END:
            answer = Answer.UNKNOWN
        try:
            self._connection.sendall(REPLY.pack(number, answer, result))
        except OSError as error:
            raise HostGone from error
        return ask != Ask.END


async def serve(connection, memory_address, device, rest):
    """Answers a program until it says END or is gone.

    Parameters
    ----------
    connection : socket.socket
    memory_address : int
    device : object with coroutines read32(offset), write32(offset, value), enable(master)
    rest : callable that gives an awaitable
        What the simulation does between two looks at the socket.
    """
    server = PcieServer(connection, memory_address)
    try:
        while True:
            if (request := server.poll()) is None:
                await rest()
            elif not await server.answer(request, device):
                return
    except HostGone:
        return


def connected(descriptor):
    """The socket of a file descriptor that was inherited."""
    return socket.socket(fileno=descriptor)
