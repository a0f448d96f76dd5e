"""A root complex at the level of packets, for the testbenches of the DMA engines.

It knows the transfers that were asked for and holds every request to them: what it reads or writes,
byte by byte, must be the next of the transfer, within a cut, and within 4 KiB.
"""

from collections import deque

import cocotb

from ..common.pcie import MAX_READ, MAX_WRITE, PAGE
from ..rtl.pcie_interfaces import Completion, completion_layout, request_layout
from .pcie_packets import PacketSink, PacketSource, pick

KEPT = 1 << 16  # bytes of the pattern that fills the host's memory


class HostBytes:
    """Every address has a byte; the pattern does not repeat at the multiples of powers of two."""

    def __init__(self, seed):
        self.pattern = pick(seed, "memory").randbytes(KEPT - 15)

    def read(self, address, count):
        begin = address % len(self.pattern)
        copies = -(-(begin + count) // len(self.pattern))
        return (self.pattern * copies)[begin:begin + count]


def enabled(header):
    """(address of the first enabled byte, bytes) of a request, whose enabled bytes are one run.

    Checks the rules of the byte enables (PCI Express Base Specification, 2.2.5).
    """
    dwords, first, last = header["dwords"], header["first_be"], header["last_be"]
    assert header["address"] % 4 == 0 and 1 <= dwords <= 1024, header
    assert first and (last == 0) == (dwords == 1), f"byte enables of {header}"
    flags = [first >> n & 1 for n in range(4)] + [1] * 4 * (dwords - 2)
    flags += [last >> n & 1 for n in range(4)] * (dwords > 1)
    begin, count = flags.index(1), sum(flags)
    assert all(flags[begin:begin + count]), f"a hole in the byte enables of {header}"
    return header["address"] + begin, count


class Orders:
    """The transfers that were asked for, in order; requests must be their next bytes.

    Parameters
    ----------
    most : int
        Bytes of a request, besides the setting `limit` of the block.
    """

    def __init__(self, most):
        self.most, self.limit = most, 5
        self.queue = deque()

    def order(self, address, count):
        self.queue.append([address, count])

    def is_next(self, header):
        """Whether a request begins where the next one should."""
        return bool(self.queue) and enabled(header)[0] == self.queue[0][0]

    def request(self, header):
        """(address, bytes) of a request, and whether it ends its transfer."""
        address, count = enabled(header)
        cut = min(self.most, 128 << self.limit)
        assert self.queue, f"a request that belongs to no transfer: {header}"
        at, left = self.queue[0]
        assert address == at and count <= left, \
            f"{count} bytes at {address:#x} instead of {left} at {at:#x}"
        assert address // cut == (address + count - 1) // cut, f"{header} crosses {cut} bytes"
        assert address // PAGE == (address + count - 1) // PAGE
        assert count == min(left, cut - at % cut), f"{count} bytes at {at:#x} of {left}"
        self.queue[0] = [at + count, left - count]
        if count == left:
            self.queue.popleft()
        return address, count, count == left


class ReadRoot:
    """Answers reads. The completions of a read come in order, those of several as `mix` says.

    Parameters
    ----------
    boundary : int or None
        The read completion boundary at which completions are split at random; None: not at all.
        "all": at each multiple of 256 bytes, the maximum payload of the host.
    mix : bool
        Take completions of reads on their way in random order.
    latency : int
        Most clocks from request to completion.
    """

    def __init__(self, dut, use, *, boundary=64, mix=True, latency=60, idle=0, stall=0, seed=1,
                 most=MAX_READ, period=None, tags=16):
        self.use, self.boundary, self.mix, self.latency = use, boundary, mix, latency
        self.tags, self.memory, self.orders = tags, HostBytes(seed), Orders(most)
        self.random = pick(seed, "root")
        self.source = PacketSource(dut, "completions", completion_layout, use.lanes, idle=idle,
                                   period=period)
        self.requests = PacketSink(dut, "requests", request_layout, use.lanes, self._asked,
                                   stall=stall)
        self.flying = {}  # completions still to come, by tag: deque of (header, dwords)
        self.due = {}
        self.asked = []  # (clock, tag, address, bytes) of all requests
        self.silent = False  # answers nothing
        self.alter = None  # called with each (header, dwords); gives what is sent instead, or None
        self.parity, self.offered = 0, False
        self.strict = True  # it was never cleared
        cocotb.start_soon(self._answer(dut))

    def forget(self):
        """The device was cleared: what comes for reads until now is late."""
        self.orders.queue.clear()
        self.parity, self.offered, self.strict = 1 - self.parity, True, False

    def _asked(self, header, _dwords):
        assert not header["write"], header
        tag = header["tag"]
        assert tag not in self.flying, f"tag {tag} is on its way"
        assert tag < 2 * self.tags and (self.offered or tag // self.tags == self.parity), tag
        if tag // self.tags != self.parity:
            address, count = enabled(header)  # one that was offered when the device was cleared
            self.offered = False
        else:
            address, count, _ = self.orders.request(header)
        self.asked.append((self.requests.clock, tag, address, count))
        assert sum(old // self.tags == self.parity for old in self.flying) < self.tags
        self.flying[tag] = deque(self._completions(tag, address, count))
        self.due[tag] = self.requests.clock + self.random.randrange(self.latency + 1)

    def _completions(self, tag, address, count):
        while count:
            size = self._size(address, count)
            begin = address & 3
            dwords = (begin + size + 3) // 4
            octets = self.random.randbytes(begin) + self.memory.read(address, size)
            octets += self.random.randbytes(4 * dwords - len(octets))
            yield ({"tag": tag, "address": address % 4096, "bytes": count, "dwords": dwords,
                    "status": Completion.SUCCESSFUL.value, "poisoned": 0, "malformed": 0,
                    "completed": int(size == count)},
                   [int.from_bytes(octets[n:n + 4], "little") for n in range(0, 4 * dwords, 4)])
            address, count = address + size, count - size

    def _size(self, address, count):
        if self.boundary is None:
            return count
        if self.boundary == "all":
            return min(count, 256 - address % 256)
        first = self.boundary - address % self.boundary
        ends = [*range(first, count, self.boundary), count]
        return self.random.choice(ends)

    async def _answer(self, dut):
        while True:
            await self.requests.headers.edge
            ready = [tag for tag, clock in self.due.items() if clock <= self.requests.clock]
            if self.silent or len(self.source.queue) > 1 or not ready:
                continue
            tag = self.random.choice(ready) if self.mix else ready[0]
            header, dwords = self.flying[tag].popleft()
            if not self.flying[tag]:
                del self.flying[tag], self.due[tag]
            changed = (header, dwords) if self.alter is None else self.alter(header, dwords)
            if changed is not None:
                self.send(*changed)

    def send(self, header, dwords):
        self.source.send(header, header["address"], dwords)


class WriteRoot:
    """Takes writes into `memory`, a dictionary of bytes by address. Each byte comes once."""

    def __init__(self, dut, use, *, stall=0, most=MAX_WRITE):
        self.memory, self.orders, self.most = {}, Orders(most), most
        self.requests = PacketSink(dut, "requests", request_layout, use.lanes, self._came,
                                   stall=stall)
        self.ends = 0  # transfers whose last packet has come
        self.begun = None  # orders of before a clear, of which one packet may still come
        self.late = 0  # of those that did

    def forget(self):
        """The device was cleared: a packet that has begun still comes."""
        limit = self.orders.limit
        self.begun, self.orders = self.orders, Orders(self.most)
        self.orders.limit = limit

    def _came(self, header, dwords):
        assert header["write"] == 1, header
        begun, self.begun = self.begun, None
        if begun is not None and begun.is_next(header):
            address, count, _ = begun.request(header)
            self.late += 1
        else:
            address, count, last = self.orders.request(header)
            self.ends += last
        octets = b"".join(dword.to_bytes(4, "little") for dword in dwords)
        begin = address - header["address"]
        for n, octet in enumerate(octets[begin:begin + count]):
            assert address + n not in self.memory, f"{address + n:#x} is written twice"
            self.memory[address + n] = octet
