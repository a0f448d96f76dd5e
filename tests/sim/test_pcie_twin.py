"""The endpoint's twin keeps docs/pcie.md: registers, checks of descriptors, errors, rest."""

import random
import struct

import pytest

from tritone.common.config import TINY
from tritone.common.pcie import MAX_BYTES, MAX_FRAME, OFFSET, Kind, Outcome
from tritone.sim.pcie_twin import ALL_ONES, BusError, HostMemory, PcieTwin

BASE, BYTES = 0x9_0000_0000, 1 << 16
RINGS = {"DOWN": BASE, "UP": BASE + 4096}
WINDOW = BASE + 8192, BASE + BYTES - 1
BUFFER = BASE + 16384
WORD = TINY.word_bytes


class Echo:
    """A board whose answer to bytes is these bytes, in two frames."""

    config = TINY

    def __init__(self):
        self.memory, self.running = bytearray(TINY.memory_words * WORD), False

    def take(self, octets):
        return [octets[:1], octets[1:]]


class Host:
    """A host that does as it likes."""

    def __init__(self, size=2):
        self.octets = memoryview(bytearray(BYTES))
        self.lent = HostMemory()
        self.lent.lend(self.octets, BASE)
        self.board = Echo()
        self.twin = PcieTwin(self.board, self.lent)
        self.twin.enable(master=True)
        self.counts = dict.fromkeys(RINGS, 0)
        for ring, base in RINGS.items():
            self.wide(f"{ring}_BASE", "_LOW", "_HIGH", base)
            self.write(f"{ring}_SIZE", size)
        self.wide("WINDOW_LOW", "", "_HIGH", WINDOW[0])
        self.wide("WINDOW_TOP", "", "_HIGH", WINDOW[1])
        self.write("CONTROL", 2)

    def write(self, name, value):
        self.twin.write32(OFFSET[name], value)

    def wide(self, name, low, high, value):
        self.write(name + low, value & 0xFFFF_FFFF)
        self.write(name + high, value >> 32)

    def read(self, name):
        return self.twin.read32(OFFSET[name])

    def post(self, ring, kind, address, octets, word=0, flags=0, size=2):
        """(status, moved) of a descriptor once the doorbell has been rung."""
        place = RINGS[ring] - BASE + self.counts[ring] % (1 << size) * 32
        self.octets[place:place + 32] = struct.pack("<QIHHIIII", address, octets, kind, flags, word,
                                                    0, 0, 0)
        self.counts[ring] += 1
        self.write(f"{ring}_TAIL", self.counts[ring])
        return struct.unpack("<II", self.octets[place + 24:place + 32])


@pytest.fixture
def host():
    return Host()


def test_words_go_both_ways_and_are_counted(host):
    octets = random.Random(1).randbytes(3 * WORD - 1)
    host.octets[16385:16385 + len(octets)] = octets
    assert host.post("DOWN", Kind.STORE, BUFFER + 1, len(octets), 7) == (1, len(octets))
    assert host.board.memory[7 * WORD:10 * WORD] == octets + b"\0"
    assert host.post("DOWN", Kind.LOAD, WINDOW[1] - 4, 5, 7) == (1, 5)  # the window's last byte
    assert host.octets[-5:] == octets[:5]
    assert (host.read("READ_BYTES"), host.read("LOADED_BYTES")) == (len(octets), 5)
    assert (host.read("DOWN_HEAD"), host.read("UP_HEAD"), host.read("ERROR")) == (2, 0, 0)


def test_frames_wait_for_buffers_and_buffers_for_frames(host):
    assert host.post("UP", Kind.RECEIVE, BUFFER, MAX_FRAME) == (0, 0)
    assert host.post("DOWN", Kind.SEND, BUFFER + 1000, 5) == (1, 5)
    assert host.read("UP_HEAD") == 1
    assert struct.unpack_from("<II", host.octets, 4096 + 24) == (1, 1)
    assert host.post("UP", Kind.RECEIVE, BUFFER, MAX_FRAME) == (1, 4)


@pytest.mark.parametrize("ring, kind, address, octets, word, outcome", [
    ("DOWN", Kind.SEND, BUFFER, 0, 0, Outcome.BAD_LENGTH),
    ("DOWN", Kind.STORE, BUFFER, MAX_BYTES + 1, 0, Outcome.BAD_LENGTH),
    ("UP", Kind.RECEIVE, BUFFER, MAX_FRAME - 1, 0, Outcome.BAD_LENGTH),
    ("DOWN", Kind.SEND, WINDOW[0] - 1, 1, 0, Outcome.BAD_ADDRESS),
    ("DOWN", Kind.SEND, WINDOW[1], 2, 0, Outcome.BAD_ADDRESS),
    ("DOWN", Kind.LOAD, (1 << 64) - 2, 4, 0, Outcome.BAD_ADDRESS),
    ("DOWN", Kind.STORE, BUFFER, 2 * WORD, TINY.memory_words - 1, Outcome.BAD_WORDS),
    ("DOWN", Kind.LOAD, BUFFER, 1, TINY.memory_words, Outcome.BAD_WORDS),
    ("DOWN", Kind.RECEIVE, BUFFER, MAX_FRAME, 0, Outcome.BAD_KIND),
    ("UP", Kind.STORE, BUFFER, 1, 0, Outcome.BAD_KIND),
    ("UP", Kind.LOAD, BUFFER, 1, 0, Outcome.BAD_KIND),
    ("DOWN", 0, BUFFER, 1, 0, Outcome.BAD_KIND), ("UP", 5, BUFFER, 1, 0, Outcome.BAD_KIND)])
def test_nonsense_stops_both_rings_until_a_reset(host, ring, kind, address, octets, word, outcome):
    assert host.post(ring, kind, address, octets, word) == (outcome, 0)
    assert host.read("ERROR") == outcome | list(RINGS).index(ring) << 8
    assert host.read("STATUS") == 2 | 4 and host.read("EVENTS") == 2
    assert host.post("DOWN", Kind.SEND, BUFFER, 1) == (0, 0)
    assert not any(host.board.memory)
    host.write("EVENTS", 2)
    host.write("CONTROL", 1)
    assert host.read("STATUS") == 4 and not host.read("ERROR") | host.read("EVENTS")
    assert not host.read("DOWN_TAIL") | host.read("CONTROL")


@pytest.mark.parametrize("kind", [Kind.STORE, Kind.LOAD])
def test_memory_of_a_run_is_busy(host, kind):
    host.board.running = True
    assert host.read("STATUS") == 4 | 8
    assert host.post("DOWN", kind, BUFFER, 1) == (Outcome.BUSY, 0)


@pytest.mark.parametrize("name, value", [("DOWN_SIZE", 8), ("DOWN_BASE_LOW", 64),
                                         ("DOWN_TAIL", 5)])
def test_a_ring_of_nonsense_is_not_touched(host, name, value):
    before = bytes(host.octets)
    host.write(name, value)
    host.write("DOWN_TAIL", max(1, host.read("DOWN_TAIL")))
    assert host.read("ERROR") & 0xFF == Outcome.BAD_RING
    assert bytes(host.octets) == before


def test_nothing_is_done_without_bus_mastering_or_enable(host):
    host.twin.master = False
    assert host.post("DOWN", Kind.SEND, BUFFER, 1) == (0, 0) and host.read("STATUS") == 0
    host.twin.enable(master=True)
    host.write("CONTROL", 0)
    assert not host.twin.step()
    host.write("CONTROL", 2)
    assert host.read("DOWN_HEAD") == 1


def test_registers_read_as_the_table_says(host):
    assert host.read("MAGIC") == 0x54495254 and host.read("VERSION") == 1
    host.write("SCRATCH", 0xFFFF_FFFF)
    host.write("MAGIC", 5)
    assert host.read("SCRATCH") == 0xFFFF_FFFF and host.read("MAGIC") == 0x54495254
    assert host.twin.read32(0x100) == 0 and host.read("CONTROL") == 2
    host.post("DOWN", Kind.SEND, BUFFER, 1, flags=1)
    assert host.read("EVENTS") == 1
    host.write("EVENTS", 1)
    assert host.read("EVENTS") == 0


def test_a_device_that_was_reset_has_forgotten_all(host):
    host.write("SCRATCH", 5)
    host.twin.surprise()
    assert not host.read("SCRATCH") | host.read("DOWN_SIZE") | host.read("STATUS")
    host.twin.gone = True
    assert host.read("MAGIC") == ALL_ONES


def test_the_bus_ends_where_no_memory_is_lent(host):
    host.wide("WINDOW_TOP", "", "_HIGH", BASE + (1 << 20))
    with pytest.raises(BusError):
        host.post("DOWN", Kind.SEND, BASE + BYTES - 1, 2)
    for wrong in (2, 4096, -4):
        with pytest.raises(BusError):
            host.twin.read32(wrong)
