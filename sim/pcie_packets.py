"""The testbench's ends of packets and of bytes (rtl/pcie_interfaces.py), for inside the simulator.

Written for speed: one coroutine an end, beats as integers. Sampled and driven as in streams.py.
"""

import os
import random
from collections import deque

import cocotb
from cocotb.triggers import Event, RisingEdge

from .payload import pack, unpack


def pick(seed, name):
    """A generator of random numbers of its own for each end."""
    return random.Random(f"{os.environ.get('COCOTB_RANDOM_SEED', 1)} {seed} {name}")


def beats_of(octets, count, filler):
    """The beats (bytes_layout) of a transfer's bytes; what is not used is random."""
    for at in range(0, len(octets), count):
        part = octets[at:at + count]
        last = at + count >= len(octets)
        word = int.from_bytes(part + filler.randbytes(count - len(part)), "little")
        yield word | (len(part) | last << count.bit_length()) << 8 * count


class End:
    """Handles of the stream `name`."""

    def __init__(self, dut, name):
        self.name, self.edge = name, RisingEdge(dut.clk)
        self.payload, self.valid, self.ready = (
            getattr(dut, f"{name}__{part}") for part in ("payload", "valid", "ready"))


class PacketSource:
    """Sends queued packets: a header, and after it was taken its beats.

    Parameters
    ----------
    idle : float
        Probability of a clock without a header or beat.
    period : callable
        Least clocks from a header to the next, by the number of beats; none by default.
    """

    def __init__(self, dut, name, header, lanes, *, idle=0, period=None):
        self.headers, self.beats = End(dut, f"{name}__headers"), End(dut, f"{name}__beats")
        self.header, self.bits, self.idle, self.period = header, 32 * lanes, idle, period
        self.lanes, self.random = lanes, pick(0, name)
        self.queue = deque()
        self.empty = Event()
        self.clock, self.sent = 0, []  # clocks in which headers were taken
        self.headers.valid.value = self.beats.valid.value = 0
        cocotb.start_soon(self._drive())

    def send(self, header, address=0, dwords=()):
        """Queues a packet whose first dword belongs to `address`."""
        place = address // 4 % self.lanes
        rows = -(-(place + len(dwords)) // self.lanes) if dwords else 0
        padded = [self.random.getrandbits(32) for _ in range(rows * self.lanes)]
        padded[place:place + len(dwords)] = dwords
        beats = []
        for row in range(rows):
            value = 0
            for lane in reversed(range(self.lanes)):
                value = value << 32 | padded[row * self.lanes + lane]
            beats.append(value | (row == rows - 1) << self.bits)
        self.queue.append((pack(self.header, header), beats))
        self.empty.clear()

    async def drained(self):
        """Waits until every queued packet has been taken."""
        if self.queue:
            await self.empty.wait()

    async def _show(self, end, value):
        """Shows `value` until it is taken."""
        while self.idle and self.random.random() < self.idle:
            await self._edge()
        end.valid.value, end.payload.value = 1, value
        await self._edge()
        while not end.ready.value:
            await self._edge()
        end.valid.value, end.payload.value = 0, self.random.getrandbits(len(end.payload))

    async def _edge(self):
        await self.headers.edge
        self.clock += 1

    async def _drive(self):
        free = 0
        while True:
            while not self.queue or self.clock < free:
                await self._edge()
            header, beats = self.queue[0]
            await self._show(self.headers, header)
            self.sent.append(self.clock)
            if self.period is not None:
                free = self.clock + self.period(len(beats)) - 1
            for beat in beats:
                await self._show(self.beats, beat)
            self.queue.popleft()
            if not self.queue:
                self.empty.set()


class Sink(End):
    """Takes what a stream gives, stalling at random; checks that it holds until taken."""

    def __init__(self, dut, name, stall):
        super().__init__(dut, name)
        self.stall, self.random = stall, pick(0, name)
        self.now = self.waiting = None
        self.ready.value, self.shown = 0, False
        self.may_drop = False  # once: a clear drops what is offered

    def sample(self):
        """What was transferred at this edge, or None."""
        word = int(self.payload.value) if self.valid.value else None
        if self.waiting is not None and not self.may_drop:
            assert word == self.waiting, f"{self.name}: {self.waiting:#x} became {word}"
        self.may_drop = False
        self.waiting = word if not self.shown else None
        self.offered = word is not None
        return word if self.shown else None

    def drive(self, wanted):
        """Is it ready in the next clock?"""
        self.shown = wanted and not (self.stall and self.random.random() < self.stall)
        self.ready.value = int(self.shown)


class PacketSink:
    """Takes packets and calls `arrived(header, dwords from the first one's lane on)` for each.

    A packet's data come when its header has been taken; from then on there is no pause in them
    (valid stays) unless `pauses`. They are as many as the header says.
    """

    def __init__(self, dut, name, header, lanes, arrived, *, stall=0, pauses=False):
        self.headers = Sink(dut, f"{name}__headers", stall)
        self.beats = Sink(dut, f"{name}__beats", stall)
        self.header, self.lanes, self.pauses = header, lanes, pauses
        self.arrived = arrived
        self.clock, self.taken, self.ended = 0, [], []
        self.open = False
        cocotb.start_soon(self._collect())

    async def _collect(self):
        packet, beats = None, []
        while True:
            await self.headers.edge
            self.clock += 1
            header, beat = self.headers.sample(), self.beats.sample()
            assert packet is not None or not self.beats.offered, "data before their header"
            if packet is not None:
                assert self.pauses or self.beats.offered, "a pause inside a packet"
                if beat is not None:
                    beats.append(beat)
                    if beat >> 32 * self.lanes:
                        self._finish(packet, beats)
                        packet, beats = None, []
            elif header is not None:
                packet = unpack(self.header, header)
                self.taken.append(self.clock)
                if not self.carries(packet):
                    self._finish(packet, [])
                    packet = None
            self.open = packet is not None
            self.headers.drive(packet is None)
            self.beats.drive(packet is not None)

    @staticmethod
    def carries(packet):
        return packet.get("write", packet.get("dwords"))

    def _finish(self, packet, beats):
        self.ended.append(self.clock)
        dwords = [beat >> 32 * lane & 0xFFFFFFFF for beat in beats for lane in range(self.lanes)]
        if beats:
            place = packet["address"] // 4 % self.lanes
            assert len(beats) == -(-(place + packet["dwords"]) // self.lanes), \
                f"{len(beats)} beats: {packet}"
            dwords = dwords[place:place + packet["dwords"]]
        self.arrived(packet, dwords)


class WordSource(End):
    """Sends queued values, pausing at random, until it is told to drop them."""

    def __init__(self, dut, name, *, idle=0):
        super().__init__(dut, name)
        self.idle, self.random = idle, pick(0, name)
        self.queue, self.shown = deque(), False
        self.valid.value = 0
        cocotb.start_soon(self._drive())

    def send(self, *values):
        self.queue.extend(values)

    def drop(self):
        """Offers nothing any more, from now on."""
        self.queue.clear()
        self.shown, self.valid.value = False, 0

    async def _drive(self):
        while True:
            await self.edge
            if self.shown and self.ready.value:
                self.queue.popleft()
                self.shown = False
            if not self.shown:
                self.shown = bool(self.queue) and self.random.random() >= self.idle
                self.valid.value = int(self.shown)
                self.payload.value = self.queue[0] if self.shown else \
                    self.random.getrandbits(len(self.payload))


class WordSink(Sink):
    """Takes values and calls `arrived(value)` for each."""

    def __init__(self, dut, name, arrived, *, stall=0):
        super().__init__(dut, name, stall)
        self.arrived = arrived
        cocotb.start_soon(self._collect())

    async def _collect(self):
        while True:
            await self.edge
            word = self.sample()
            if word is not None:
                self.arrived(word)
            self.drive(True)


class ByteSink(Sink):
    """Takes the bytes of transfers; `transfers` is a queue of those that have ended."""

    def __init__(self, dut, name, count, *, stall=0):
        super().__init__(dut, name, stall)
        self.count = count
        self.transfers, self.partial = deque(), bytearray()
        self.arrived = Event()
        self.clock, self.beats = 0, []
        cocotb.start_soon(self._collect())

    async def take(self, count):
        """The next `count` transfers' bytes."""
        while len(self.transfers) < count:
            self.arrived.clear()
            await self.arrived.wait()
        return [self.transfers.popleft() for _ in range(count)]

    async def _collect(self):
        bits, count = 8 * self.count, self.count
        used_bits = count.bit_length()
        while True:
            await self.edge
            self.clock += 1
            word = self.sample()
            if word is not None:
                self.beats.append(self.clock)
                used, last = word >> bits & (1 << used_bits) - 1, word >> bits + used_bits
                assert last or used == count, f"{used} bytes in a beat that is not the last"
                self.partial += (word & (1 << bits) - 1).to_bytes(count, "little")[:used]
                if last:
                    self.transfers.append(bytes(self.partial))
                    self.partial = bytearray()
                    self.arrived.set()
            self.drive(True)
