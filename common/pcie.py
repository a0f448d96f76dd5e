"""The numbers of the PCIe endpoint between host and board; docs/pcie.md explains them.

Plain Python: the gateware takes its constants from here, the host its formats, docs their tables.
"""

import enum
import struct
from dataclasses import dataclass

from .errors import TritoneError
from .link import MAX_PAYLOAD

VENDOR_ID, DEVICE_ID = 0x1234, 0x7433  # until somebody has numbers of their own
CLASS_CODE = 0x120000  # processing accelerator
BAR_BYTES = 4096
MAGIC = int.from_bytes(b"TRIT", "little")
VERSION = 1

MAX_BYTES = 1 << 24  # of a buffer
PAGE = 4096  # no request crosses a multiple of it (PCI Express Base Specification, 2.2.7)
MAX_READ = 512  # bytes of a read request
MAX_WRITE = 256  # bytes of a write request
TAGS = 16  # reads on their way; half of those a function has without extended tags
MAX_FRAME = 6 + MAX_PAYLOAD + 4  # bytes of a frame of docs/link.md
MAX_BAR_DWORDS = 16  # of a request of the host


class PcieError(TritoneError, ValueError):
    """A size that no endpoint can have."""


@dataclass(frozen=True, kw_only=True)
class PcieUse:
    """Sizes of an endpoint.

    Parameters
    ----------
    lanes : int
        Dwords a beat of the block's streams: 2, 4 or 8.
    timeout : int
        Clocks after which the oldest read counts as lost.
    """

    lanes: int = 2
    timeout: int = 1 << 21  # 17 ms at 125 MHz; a root complex gives up between 50 us and 50 ms

    def __post_init__(self):
        if self.lanes not in (2, 4, 8):
            raise PcieError(f"lanes={self.lanes}: an interface has 2, 4 or 8 dwords")
        if self.timeout < 1:
            raise PcieError(f"timeout={self.timeout} clocks; at least 1")

    @property
    def bits(self):
        """Bits of a beat."""
        return 32 * self.lanes

    @property
    def bytes(self):
        """Bytes of a beat."""
        return 4 * self.lanes


class Kind(enum.IntEnum):
    """What a descriptor asks for."""

    SEND = 1
    STORE = 2
    RECEIVE = 3
    LOAD = 4


DOWN, UP = 0, 1  # numbers of the rings
KINDS = {DOWN: (Kind.SEND, Kind.STORE, Kind.LOAD), UP: (Kind.RECEIVE,)}
INTERRUPT = 1  # flag of a descriptor


class Outcome(enum.IntEnum):
    """Status of a descriptor, and code in ERROR."""

    PENDING = 0
    DONE = 1
    BAD_LENGTH = 2  # 0, more than MAX_BYTES, or a RECEIVE without room for MAX_FRAME
    BAD_ADDRESS = 3  # the buffer leaves the window, or wraps
    BAD_WORDS = 4  # words outside the board's memory
    BAD_KIND = 5  # unknown, or of the other ring
    BAD_RING = 6  # base, size or tail of a ring
    BUSY = 7  # the memory belongs to a run
    UNSUPPORTED = 8  # a completion with a status other than success
    POISONED = 9  # a completion that the sender calls corrupt
    TIMEOUT = 10  # no completion
    BUS_MASTER = 11  # bus mastering went off
    MALFORMED = 12  # a completion that does not fit its request


DESCRIPTOR = struct.Struct("<QIHHIIII")  # address, bytes, kind, flags, word, 0, status, moved
STATUS_AT = 24  # of status and bytes moved in a descriptor
MAX_RING = 7  # binary logarithm of the most entries: 128 fill a page

# Fields of registers.
CONTROL_RESET, CONTROL_ENABLE = 1, 2
STATUS_BUSY, STATUS_STOPPED, STATUS_MASTER, STATUS_RUN = 1, 2, 4, 8
EVENT_DONE, EVENT_ERROR = 1, 2


@dataclass(frozen=True)
class Register:
    """A dword of BAR 0.

    access: "r" read only, "rw", "w1" (a written 1 acts, reads give 0), "c" (reads give the bits
    that are set, a written 1 clears).
    """

    name: str
    offset: int
    access: str
    says: str


def _ring(name, offset, what):
    return (
        Register(f"{name}_BASE_LOW", offset, "rw", f"address of the ring of {what}, low half"),
        Register(f"{name}_BASE_HIGH", offset + 4, "rw", "high half"),
        Register(f"{name}_SIZE", offset + 8, "rw", f"log2 of its entries, 0 to {MAX_RING}"),
        Register(f"{name}_TAIL", offset + 12, "rw", "doorbell: entries ever filled, modulo 65,536; "
                                                   "reset makes it 0"),
        Register(f"{name}_HEAD", offset + 16, "r", "entries ever done, modulo 65,536"),
    )


REGISTERS = (
    Register("MAGIC", 0x00, "r", "0x54495254, \"TRIT\""),
    Register("VERSION", 0x04, "r", "of this map"),
    Register("SCRATCH", 0x08, "rw", "keeps what is written, for tests of the bus"),
    Register("CONTROL", 0x0C, "rw", "1 reset (acts once): both rings, engines and errors; "
                                    "2 enable: the rings are worked on"),
    Register("STATUS", 0x10, "r", "1 something is under way, 2 stopped by an error, 4 bus "
                                  "mastering is on, 8 a run is open"),
    Register("ERROR", 0x14, "r", "bits 7..0 code, 0 none; 15..8 ring; 31..16 entry (HEAD then)"),
    Register("EVENTS", 0x18, "c", "1 a descriptor with the flag is done, 2 an error"),
    Register("EVENT_MASK", 0x1C, "rw", "events that send an interrupt"),
    Register("WINDOW_LOW", 0x20, "rw", "first address that a buffer may use, low half"),
    Register("WINDOW_LOW_HIGH", 0x24, "rw", "high half"),
    Register("WINDOW_TOP", 0x28, "rw", "last address that a buffer may use, low half"),
    Register("WINDOW_TOP_HIGH", 0x2C, "rw", "high half"),
    *_ring("DOWN", 0x40, "what the board shall do"),
    *_ring("UP", 0x60, "buffers for frames"),
    Register("CLOCKS", 0x80, "r", "clocks in which a STORE or LOAD was worked on, modulo 2^32; "
                                  "reset clears it and the next two"),
    Register("READ_BYTES", 0x84, "r", "bytes that SENDs and STOREs have read"),
    Register("LOADED_BYTES", 0x88, "r", "bytes that LOADs have written"),
    Register("CLOCK_HZ", 0x8C, "r", "of the block's user clock"),
)
OFFSET = {register.name: register.offset for register in REGISTERS}
