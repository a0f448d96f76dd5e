"""A host of the endpoint in a testbench: rings, buffers with guard bytes, and what comes back."""

import random
from collections import namedtuple

from cocotb.triggers import ClockCycles

from ..common.pcie import (CONTROL_ENABLE, CONTROL_RESET, DESCRIPTOR, DOWN, INTERRUPT, OFFSET,
                           STATUS_AT, STATUS_BUSY, UP, Outcome)

GUARD = 64  # bytes before and behind a buffer that must stay what they are
LOOK = 50  # clocks between two looks at a status
RING = {DOWN: "DOWN", UP: "UP"}
Posted = namedtuple("Posted", "ring place")


class RingHost:
    """What a driver does, from registers to descriptors, on a PcieDevice.

    Parameters
    ----------
    device : sim.pcie_device.PcieDevice
        Started.
    space : int
        Bytes of host memory for buffers.
    entries : int
        Of each ring, a power of two.
    """

    def __init__(self, device, *, space=1 << 20, entries=8, seed=1):
        self.device, self.entries = device, entries
        self.random = random.Random(seed)
        self.rings = [device.root.alloc_region(4096) for _ in RING]
        self.base, self.memory = device.root.alloc_region(space)
        assert self.base > 0, "nothing is below the buffers"
        self.tails = [0, 0]
        self.space = space

    async def read(self, name):
        """A register."""
        return await self.device.bar.read_dword(OFFSET[name])

    async def write(self, name, value):
        await self.device.bar.write_dword(OFFSET[name], value)

    async def set_up(self, low=None, top=None):
        """Rings and window; the endpoint enabled."""
        low = self.base if low is None else low
        top = self.base + self.space - 1 if top is None else top
        self.tails = [0, 0]
        for number, name in RING.items():
            address = self.rings[number][0]
            await self.write(f"{name}_BASE_LOW", address & 0xFFFF_FFFF)
            await self.write(f"{name}_BASE_HIGH", address >> 32)
            await self.write(f"{name}_SIZE", self.entries.bit_length() - 1)
        for name, value in (("WINDOW_LOW", low), ("WINDOW_TOP", top)):
            await self.write(name, value & 0xFFFF_FFFF)
            await self.write(f"{name}_HIGH", value >> 32)
        await self.write("CONTROL", CONTROL_ENABLE)

    async def reset(self, clocks=20_000):
        """CONTROL.reset, until the endpoint rests."""
        await self.write("CONTROL", CONTROL_RESET)
        for _ in range(clocks // LOOK):
            if not await self.read("STATUS") & STATUS_BUSY:
                return
            await ClockCycles(self.device.clock, LOOK)
        raise AssertionError(f"busy {clocks} clocks after a reset")

    def put(self, ring, kind, address, count, *, flags=0, word=0, unused=0):
        """Fills the next descriptor; the doorbell is `ring_doorbell`'s."""
        place = self.tails[ring] % self.entries * DESCRIPTOR.size
        self.rings[ring][1][place:place + DESCRIPTOR.size] = DESCRIPTOR.pack(
            address, count, kind, flags, word, unused, 0, 0)
        self.tails[ring] = (self.tails[ring] + 1) % (1 << 16)
        return Posted(ring, place)

    async def doorbell(self, ring):
        await self.write(f"{RING[ring]}_TAIL", self.tails[ring])

    async def post(self, ring, kind, address, count, **fields):
        posted = self.put(ring, kind, address, count, **fields)
        await self.doorbell(ring)
        return posted

    def status(self, posted):
        """(Outcome, bytes moved) of a descriptor now."""
        entry = self.rings[posted.ring][1][posted.place:posted.place + DESCRIPTOR.size]
        outcome, moved = DESCRIPTOR.unpack(bytes(entry))[-2:]
        return Outcome(outcome), moved

    async def done(self, posted, clocks=20_000):
        """The status once there is one; fails the test after so many clocks."""
        for _ in range(clocks // LOOK):
            if (found := self.status(posted))[0] != Outcome.PENDING:
                return found
            await ClockCycles(self.device.clock, LOOK)
        raise AssertionError(f"no status after {clocks} clocks; STATUS "
                             f"{await self.read('STATUS'):#x}, ERROR {await self.read('ERROR'):#x}")

    def fill(self, at, octets):
        """Puts `octets` at offset `at` between guard bytes; their address."""
        guards = [self.random.randbytes(GUARD) for _ in range(2)]
        self.guards = (at, len(octets), guards)
        self.memory[at - GUARD:at] = guards[0]
        self.memory[at:at + len(octets)] = octets
        self.memory[at + len(octets):at + len(octets) + GUARD] = guards[1]
        return self.base + at

    def found(self):
        """The bytes between the guards of the last `fill`, which must be as they were."""
        at, count, guards = self.guards
        assert bytes(self.memory[at - GUARD:at]) == guards[0], "bytes before the buffer changed"
        assert bytes(self.memory[at + count:at + count + GUARD]) == guards[1], \
            "bytes behind the buffer changed"
        return bytes(self.memory[at:at + count])


def flagged(**fields):
    """Fields of a descriptor that interrupts."""
    return {"flags": INTERRUPT, **fields}


assert STATUS_AT + 8 == DESCRIPTOR.size
