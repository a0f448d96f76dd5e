"""Streams of the PCIe transaction layer, as all vendors' blocks know them (docs/pcie.md).

A packet is a header, and then, if it has data, beats of dwords in natural lanes: the dword of byte
address a lies in lane (a / 4) mod lanes, and each packet begins with a new beat. Data of a packet
come after its header has been taken, never before or with it.
"""

from amaranth.hdl import unsigned
from amaranth.lib import data, enum, stream
from amaranth.lib.wiring import In, Out, Signature

from ..common.pcie import BAR_BYTES, MAX_BYTES

DWORD_COUNT_BITS = 11  # 1 to 1,024 dwords
BYTE_COUNT_BITS = 13  # 1 to 4,096 bytes
TAG_BITS = 8
LENGTH_BITS = MAX_BYTES.bit_length()


class HostRequest(enum.Enum, shape=2):
    """What the host wants of the board."""

    READ = 0
    WRITE = 1
    OTHER_POSTED = 2  # nothing that is done here, and no answer expected
    OTHER = 3  # the same, to be answered as unsupported


class Completion(enum.Enum, shape=3):
    """Status of a completion (PCI Express Base Specification, 2.2.9)."""

    SUCCESSFUL = 0
    UNSUPPORTED = 1
    RETRY = 2
    ABORT = 4


host_request_layout = data.StructLayout({
    "kind": HostRequest,
    "address": (BAR_BYTES - 1).bit_length(),  # of the first dword, in the BAR
    "dwords": DWORD_COUNT_BITS,  # of a write, all of which follow as data; of a read, wanted
    "first_be": 4, "last_be": 4,  # last_be is 0 for one dword
    "bar": 3,
    "tag": TAG_BITS, "requester": 16, "tc": 3, "attr": 3,
})

host_completion_layout = data.StructLayout({
    "status": Completion,
    "address": 7,  # lowest bits of the first byte's
    "bytes": BYTE_COUNT_BITS,  # left of the request, with this packet
    "dwords": DWORD_COUNT_BITS,  # that follow as data; 0 unless successful
    "tag": TAG_BITS, "requester": 16, "tc": 3, "attr": 3,  # of the request
})

request_layout = data.StructLayout({
    "write": 1,
    "address": 64,  # of the first dword: a multiple of 4
    "dwords": DWORD_COUNT_BITS,  # of a write, all of which follow as data
    "first_be": 4, "last_be": 4,
    "tag": TAG_BITS,  # of a read
})

completion_layout = data.StructLayout({
    "tag": TAG_BITS,
    "address": 12,  # lowest bits of the first byte's, as in the request
    "bytes": BYTE_COUNT_BITS,  # left of the request, with this packet
    "dwords": DWORD_COUNT_BITS,  # that follow as data
    "status": 3,  # Completion
    "poisoned": 1,
    "malformed": 1,  # the block found a fault of its own (its error code)
    "completed": 1,  # nothing more comes for this tag
})


def beat_layout(lanes):
    """Dwords of a packet in natural lanes; `last` of the packet."""
    return data.StructLayout({"dwords": data.ArrayLayout(32, lanes), "last": 1})


class PacketSignature(Signature):
    """Packets, seen by who sends them.

    Members
    -------
    headers : Out(stream of `header`)
    beats : Out(stream of beat_layout(lanes))
    """

    def __init__(self, header, lanes):
        super().__init__({"headers": Out(stream.Signature(header)),
                          "beats": Out(stream.Signature(beat_layout(lanes)))})


class AxiStreamSignature(Signature):
    """A stream of the block (PG213), seen by its source; names as there, `keep` a bit a dword."""

    def __init__(self, lanes, user_bits):
        super().__init__({"tvalid": Out(1), "tready": In(1), "tdata": Out(32 * lanes),
                          "tkeep": Out(lanes), "tlast": Out(1), "tuser": Out(user_bits)})


transfer_layout = data.StructLayout({
    "address": 64,  # of the first byte, any alignment
    "bytes": LENGTH_BITS,  # 1 to MAX_BYTES
})


def bytes_layout(count):
    """A beat of a transfer: bytes in order from lane 0. All `count` are used but in the last beat
    of a transfer, of which the first `used`."""
    return data.StructLayout({"octets": data.ArrayLayout(unsigned(8), count),
                              "used": range(1, count + 1), "last": 1})


class ReadSignature(Signature):
    """Reads of host memory, seen by who wants them. One transfer's bytes after another's, in the
    order of the commands.

    Members
    -------
    commands : Out(stream of transfer_layout)
    bytes : In(stream of bytes_layout(use.bytes))
    """

    def __init__(self, use):
        super().__init__({"commands": Out(stream.Signature(transfer_layout)),
                          "bytes": In(stream.Signature(bytes_layout(use.bytes)))})


class WriteSignature(Signature):
    """Writes to host memory, seen by who wants them.

    Members
    -------
    commands : Out(stream of transfer_layout)
    bytes : Out(stream of bytes_layout(use.bytes))
        Exactly `bytes` of each command, after it was taken; `used` and `last` follow from that.
    done : In(1)
        Pulse: the last packet of a command has been handed to the block, in order of commands.
    """

    def __init__(self, use):
        super().__init__({"commands": Out(stream.Signature(transfer_layout)),
                          "bytes": Out(stream.Signature(bytes_layout(use.bytes))),
                          "done": In(1)})
