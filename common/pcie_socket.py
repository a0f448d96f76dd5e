"""What a program and a simulated PCIe host say to each other: register accesses over a socket.

The program asks and the simulator answers, one at a time, over a connected pair of Unix stream
sockets. The memory for DMA is a file that both have mapped; HELLO says where the device sees it.
Either side ends when the other has closed its socket. Plain Python, for both sides.
"""

import enum
import struct

VERSION = 1
REQUEST = struct.Struct("<IIII")  # number, Ask, offset, value
REPLY = struct.Struct("<IIQ")  # number of the request, Answer, value


class Ask(enum.IntEnum):
    """What is asked of the simulator."""

    HELLO = 1  # value: VERSION; answer: address of the shared memory
    READ = 2  # a dword of BAR 0; answer: its value
    WRITE = 3
    ENABLE = 4  # memory space; value: 1 bus mastering too
    END = 5  # answer: nothing, and the simulator ends


class Answer(enum.IntEnum):
    """Whether it was done."""

    OK = 0
    UNKNOWN = 1  # no such Ask, a wrong offset, another VERSION
