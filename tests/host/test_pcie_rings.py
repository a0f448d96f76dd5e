"""Entries of a ring: what is written before what, and what is read after what."""

import struct

import pytest
from twins import ARENA_AT

from tritone.common.pcie import OFFSET, Kind, Outcome
from tritone.host.pcie_memory import Arena, Buffer
from tritone.host.pcie_rings import UNWRITTEN, Ring
from tritone.host.transport import BoardError

BUFFER = Buffer(memoryview(bytearray(64)), 0xFEED_0000_1001)


class Registers:
    """A window that keeps what is written, and calls `heard` with it."""

    def __init__(self, **start):
        self.values = {OFFSET[name]: value for name, value in start.items()}
        self.heard = lambda offset, value: None

    def read32(self, offset):
        return self.values.get(offset, 0)

    def write32(self, offset, value):
        self.values[offset] = value
        self.heard(offset, value)

    def __getitem__(self, name):
        return self.values[OFFSET[name]]


class Words:
    """Dwords of a ring; `before(index)` is called ahead of every read of one."""

    def __init__(self, octets, before):
        self._words, self._before = memoryview(octets).cast("I"), before

    def __getitem__(self, index):
        self._before(index)
        return self._words[index]


@pytest.fixture
def octets():
    return bytearray(b"\xff" * 4 * 32)


@pytest.fixture
def ring(octets):
    ring = Ring(Registers(DOWN_HEAD=5), Buffer(memoryview(octets), ARENA_AT), "DOWN")
    ring.begin()
    return ring


def finish(octets, place, status, moved):
    """What the board writes into an entry."""
    octets[32 * place + 24:32 * place + 32] = struct.pack("<II", status, moved)


def test_a_ring_begins_where_the_board_is(ring, octets):
    registers = ring._window
    assert registers["DOWN_BASE_LOW"] | registers["DOWN_BASE_HIGH"] << 32 == ARENA_AT
    assert registers["DOWN_SIZE"] == 2 and registers["DOWN_TAIL"] == 5
    assert not any(octets) and ring.free == ring.entries == 4


def test_an_entry_is_as_documented_and_whole_before_the_doorbell(ring, octets):
    seen = []
    ring._window.heard = lambda *write: seen.append((*write, bytes(octets[32:64])))
    assert ring.post(Kind.STORE, BUFFER, 60, word=0x0102_0304) == 5
    assert not seen
    ring.announce()
    # address, bytes, kind, flags, word, 0, status, moved
    entry = struct.pack("<QIHHIIII", 0xFEED_0000_1001, 60, 2, 0, 0x0102_0304, 0, 0, UNWRITTEN)
    assert seen == [(OFFSET["DOWN_TAIL"], 6, entry)]


def test_the_doorbell_counts_modulo_65536(octets):
    ring = Ring(Registers(UP_HEAD=65_535), Buffer(memoryview(octets), ARENA_AT), "UP")
    ring.begin()
    assert ring.post(Kind.RECEIVE, BUFFER, 60) == 65_535
    ring.announce()
    assert ring._window["UP_TAIL"] == 0
    finish(octets, 3, Outcome.DONE, 60)
    assert ring.reap() == (65_535, Outcome.DONE, 60)


def test_entries_are_the_hosts_again_in_order(ring, octets):
    for _ in range(4):
        ring.post(Kind.SEND, BUFFER, 60)
    assert ring.free == 0
    finish(octets, 2, Outcome.DONE, 60)  # entry 6 before entry 5
    assert ring.reap() is None and ring.free == 0
    finish(octets, 1, Outcome.TIMEOUT, 0)
    assert ring.reap() == (5, Outcome.TIMEOUT, 0)
    assert ring.reap() == (6, Outcome.DONE, 60)
    assert ring.reap() is None and ring.free == 2


def test_a_full_ring_takes_no_entry(ring):
    for _ in range(4):
        ring.post(Kind.SEND, BUFFER, 60)
    with pytest.raises(AssertionError):
        ring.post(Kind.SEND, BUFFER, 60)


def test_nothing_is_read_of_an_entry_that_was_not_posted(ring, octets):
    finish(octets, 1, Outcome.DONE, 60)
    assert ring.reap() is None


def test_the_status_of_the_round_before_is_cleared(ring, octets):
    for _ in range(4):
        ring.post(Kind.SEND, BUFFER, 60)
    for place in range(4):
        finish(octets, place, Outcome.DONE, 60)
    assert [ring.reap().number for _ in range(4)] == [5, 6, 7, 8]
    ring.post(Kind.SEND, BUFFER, 60)
    assert ring.reap() is None


def test_the_status_is_read_before_what_it_vouches_for(ring, octets):
    """The board finishes the entry between two reads of the host, wherever that is."""
    for late in range(6):
        ring.begin()
        ring.post(Kind.RECEIVE, BUFFER, 60)
        reads = []

        def before(index, reads=reads, late=late):
            reads.append(index)
            if len(reads) == late + 1:
                finish(octets, 1, Outcome.DONE, 14)

        ring._words = Words(octets, before)
        done = next(filter(None, (ring.reap() for _ in range(10))))
        assert done == (5, Outcome.DONE, 14)
        assert set(reads) == {8 + 6, 8 + 7}  # status and moved of place 1


def test_a_status_seen_before_the_bytes_moved_is_not_yet_done(ring, octets):
    ring.post(Kind.RECEIVE, BUFFER, 60)
    octets[32 + 24:32 + 28] = struct.pack("<I", Outcome.DONE)
    assert ring.reap() is None
    octets[32 + 28:32 + 32] = struct.pack("<I", 14)
    assert ring.reap() == (5, Outcome.DONE, 14)


def test_an_arena_gives_aligned_zeros_once():
    arena = Arena(memoryview(bytearray(b"\xff" * 1024)), ARENA_AT + 16)
    first, second = arena.allocate(10, 256), arena.allocate(10)
    assert first.address == ARENA_AT + 256 and second.address == ARENA_AT + 320
    assert bytes(first.view) == bytes(10) and arena.left == 1024 - (384 - 16)
    second.view[:] = b"0123456789"
    assert bytes(first.view) == bytes(10)
    with pytest.raises(BoardError, match="^657 bytes of DMA memory are wanted at a multiple of 64; "
                                         "656 of 1,024 are left$"):
        arena.allocate(657)
    arena.allocate(656)


def test_a_closed_arena_is_gone_once():
    released = []
    arena = Arena(memoryview(bytearray(1024)), 0, lambda: released.append(1))
    buffer = arena.allocate(10)
    arena.close()
    arena.close()
    assert released == [1]
    with pytest.raises(ValueError):
        buffer.view[0]
