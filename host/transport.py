"""Byte pipes to a board."""

import os
import time

import serial

from ..common.errors import TritoneError

BAUD = 3_000_000
PCIE = "pcie:"  # of a port's name, before the address
PSEUDO_TERMINALS = "/dev/pts/", "/dev/ttys"  # of Linux and of macOS
WRITE_SECONDS = 5.0


class BoardError(TritoneError):
    """Something between this program and the board failed; the message is one line."""


class PortError(BoardError):
    """A port that cannot be opened, or that is gone."""


def open_transport(port, baud=BAUD):
    """The transport to `port`: a serial port, or pcie:ADDRESS, a device as lspci names it.

    Raises
    ------
    BoardError
        With what is missing, in one line.
    """
    if port.startswith(PCIE):
        from .pcie_linux import open_pcie
        return open_pcie(port.removeprefix(PCIE))
    return SerialTransport(port, baud)


def is_program(port):
    """Whether a program is at the other end of `port`, as a virtual board is, and no device."""
    return os.path.realpath(port).startswith(PSEUDO_TERMINALS)


class SerialTransport:
    """A serial port, by device path or by URL (`socket://host:port`, `loop://`).

    Parameters
    ----------
    port : str
        What serial.serial_for_url takes.
    baud : int

    Raises
    ------
    PortError
        From every method when the port fails.
    """

    def __init__(self, port, baud=BAUD):
        self.name = port
        try:
            self._serial = serial.serial_for_url(
                port, baudrate=baud, timeout=0, write_timeout=WRITE_SECONDS)
            self._serial.reset_input_buffer()
        except (OSError, ValueError) as error:  # SerialException is an OSError
            reason = getattr(error, "strerror", None) or str(error)
            raise PortError(f"cannot open port {port}: {_one_line(reason)}") from error

    def write(self, octets):
        """Send all of `octets`."""
        try:
            self._serial.write(octets)
        except OSError as error:
            raise PortError(f"port {self.name} does not accept data: "
                            f"{_one_line(error)}") from error

    def read(self, seconds):
        """What has been received, after at most `seconds`; empty when there was nothing."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._serial.timeout = max(0.0, deadline - time.monotonic())
                octets = self._serial.read(1)
                if octets:
                    self._serial.timeout = 0
                    return octets + self._serial.read(max(1, self._serial.in_waiting))
                if time.monotonic() >= deadline:
                    return b""
        except (OSError, TypeError) as error:  # TypeError: closed by another thread
            raise PortError(f"port {self.name} is gone: {_one_line(error)}") from error

    def close(self):
        """Close the port; more than once does no harm."""
        self._serial.close()


def _one_line(error):
    return " ".join(str(error).split())
