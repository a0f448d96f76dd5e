"""Packets of testbenches: dwords, beats of natural lanes, and the ends of a PacketSignature
(docs/pcie.md)."""

import random
from collections import deque

import cocotb
from cocotb.triggers import ClockCycles, Event, RisingEdge

from ..rtl.pcie_interfaces import beat_layout
from .payload import unpack
from .streams import StreamSink, StreamSource


def natural(generator, lanes, first, dwords):
    """Beats of `dwords`, the first in lane `first`; something else in the lanes without one."""
    places = [None] * first + list(dwords)
    places += [None] * (-len(places) % lanes)
    beats = [[generator.getrandbits(32) if dword is None else dword
              for dword in places[n:n + lanes]] for n in range(0, len(places), lanes)]
    return [{"dwords": beat, "last": int(n == len(beats) - 1)} for n, beat in enumerate(beats)]


def dwords_of(beats, first, count):
    """The `count` dwords from lane `first` on; as many beats as that takes, the last one marked."""
    lanes = len(beats[0]["dwords"])
    assert len(beats) == -(-(first + count) // lanes), f"{len(beats)} beats of {count} dwords"
    assert [beat["last"] for beat in beats] == [0] * (len(beats) - 1) + [1]
    return [dword for beat in beats for dword in beat["dwords"]][first:first + count]


def line(generator, lanes, dwords, sides):
    """Beats of a block's stream, without gaps; sides: of the first, of those between, of the last;
    of one beat it is the first."""
    count = -(-len(dwords) // lanes)
    beats = []
    for n in range(count):
        part = dwords[n * lanes:(n + 1) * lanes]
        side = sides[0] if n == 0 else sides[2] if n == count - 1 else sides[1]
        other = [generator.getrandbits(32) for _ in range(lanes - len(part))]
        beats.append({"dwords": part + other, "keep": (1 << len(part)) - 1,
                      "last": int(n == count - 1), "side": side})
    return beats


class PacketSource:
    """Sends packets to the component's port `name`; no beat is there before its header was taken.

    Parameters
    ----------
    header : shape-like
    lanes : int
    idle : float
        As of StreamSource, for the headers; `pause` for the beats.
    late : int
        A packet's beats begin up to so many clocks after its header was taken.
    """

    def __init__(self, dut, name, header, lanes, *, idle=0, pause=0, late=0):
        self.headers = StreamSource(dut, f"{name}__headers", header, idle=idle)
        self.beats = StreamSource(dut, f"{name}__beats", beat_layout(lanes), idle=pause)
        self.queue, self.some = deque(), Event()
        self.late, self.random = late, random.Random(f"late {name}")
        cocotb.start_soon(self._run())

    def send(self, header, beats=()):
        """Queues a packet; returns at once."""
        self.queue.append((header, beats))
        self.some.set()

    async def drained(self):
        """Waits until every queued packet has been taken."""
        while self.queue:
            await RisingEdge(self.headers.clock)
        await self.headers.drained()
        await self.beats.drained()

    async def _run(self):
        while True:
            while not self.queue:
                self.some.clear()
                await self.some.wait()
            header, beats = self.queue[0]
            self.headers.send(header)
            await self.headers.drained()
            if self.late and beats:
                await ClockCycles(self.headers.clock, self.random.randrange(1, self.late + 1))
            self.beats.send(*beats)
            self.queue.popleft()


class PacketSink:
    """Takes packets of the component's port `name`, and checks that no beat is there before its
    header was taken.

    Parameters
    ----------
    header : shape-like
    lanes : int
    has_data : callable
        Whether a packet of this header has beats.
    stall : float
        As of StreamSink.
    steady : bool
        Checks, too, that the beats of a packet come without a pause.
    """

    def __init__(self, dut, name, header, lanes, has_data, *, stall=0, steady=False):
        self.name, self.header, self.has_data, self.steady = name, header, has_data, steady
        self.headers = StreamSink(dut, f"{name}__headers", header, stall=stall)
        self.beats = StreamSink(dut, f"{name}__beats", beat_layout(lanes), stall=stall)
        cocotb.start_soon(self._watch(dut.clk))

    async def recv(self):
        """The next packet: header, beats."""
        header, beats = await self.headers.recv(), []
        while self.has_data(header) and not (beats and beats[-1]["last"]):
            beats.append(await self.beats.recv())
        return header, beats

    async def quiet(self, clocks):
        """Checks that nothing is left or comes within `clocks` clocks."""
        await self.headers.quiet(clocks)
        await self.beats.quiet(1)

    async def _watch(self, clock):
        headers, beats, owed, inside = self.headers, self.beats, 0, False
        while True:
            await RisingEdge(clock)
            assert owed or not beats.valid.value, f"{self.name}: a beat before its header"
            assert beats.valid.value or not (inside and self.steady), f"{self.name}: a pause"
            if beats.valid.value and beats.ready.value:
                last = unpack(beats.shape, int(beats.payload.value))["last"]
                owed, inside = owed - last, not last
            if headers.valid.value and headers.ready.value:
                owed += bool(self.has_data(unpack(self.header, int(headers.payload.value))))
