"""The host's half of a ring of descriptors (docs/pcie.md, "Rings")."""

from typing import NamedTuple

from ..common.pcie import DESCRIPTOR, OFFSET, STATUS_AT, Outcome

DWORDS = DESCRIPTOR.size // 4
STATUS_DWORD = STATUS_AT // 4
COUNTS = 1 << 16  # TAIL and HEAD count modulo this
UNWRITTEN = 0xFFFF_FFFF  # more bytes than any buffer has: the board has not said how many it moved
MASK = 0xFFFF_FFFF


class Done(NamedTuple):
    """An entry that the board has finished: its number, an Outcome or unknown code, bytes moved."""

    number: int
    outcome: int
    moved: int


class Ring:
    """Entries in shared memory, and the board's registers for them.

    Entries are numbered from `begin` on, without end; number n lies in place n modulo `entries`.
    Used on processors that keep the order of loads and of stores (x86-64): an entry is whole
    before the doorbell is written, and an entry's status is read before the rest of it. The board
    writes status and bytes moved in one packet, whose dwords may be seen one after the other
    (PCI Express Base Specification, 2.4.3: in increasing address order), so an entry that is done
    counts only when `moved` is there as well.

    Parameters
    ----------
    window : object with read32(offset), write32(offset, value)
    buffer : pcie_memory.Buffer
        At a multiple of its size, which is a power of two of entries.
    name : str
        Of its registers: "DOWN" or "UP".

    Members
    -------
    entries : int
    posted, finished : int
        Numbers of the next entry to fill and of the oldest that the board still has.
    """

    def __init__(self, window, buffer, name):
        self.name, self.entries = name, len(buffer.view) // DESCRIPTOR.size
        self._window, self._buffer = window, buffer
        self._words = buffer.view.cast("I")
        self.posted = self.finished = 0

    def _write(self, register, value):
        self._window.write32(OFFSET[f"{self.name}_{register}"], value)

    def begin(self):
        """Tell the board of the ring; it must be at rest and not enabled. All entries are free."""
        self._buffer.view[:] = bytes(len(self._buffer.view))
        self._write("BASE_LOW", self._buffer.address & MASK)
        self._write("BASE_HIGH", self._buffer.address >> 32)
        self._write("SIZE", self.entries.bit_length() - 1)
        self.posted = self.finished = self._window.read32(OFFSET[f"{self.name}_HEAD"]) % COUNTS
        self._write("TAIL", self.posted)

    @property
    def free(self):
        """Entries that can be posted before one is finished."""
        return self.entries - (self.posted - self.finished)

    def post(self, kind, buffer, octets, word=0):
        """Fill the next entry, which must be free; its number. The board is not told yet.

        Parameters
        ----------
        kind : common.pcie.Kind
        buffer : pcie_memory.Buffer
        octets : int
            How many of the buffer, from its start.
        word : int
            Address in the board's memory.
        """
        assert self.free, "the entry still belongs to the board"
        DESCRIPTOR.pack_into(self._buffer.view, self.posted % self.entries * DESCRIPTOR.size,
                             buffer.address, octets, kind, 0, word, 0, Outcome.PENDING, UNWRITTEN)
        self.posted += 1
        return self.posted - 1

    def announce(self):
        """Ring the doorbell: all entries that were posted are the board's."""
        self._write("TAIL", self.posted % COUNTS)

    def reap(self):
        """The oldest entry as Done when the board has finished it, which frees it; else None."""
        if self.finished == self.posted:
            return None
        place = self.finished % self.entries * DWORDS + STATUS_DWORD
        outcome = self._words[place]
        moved = self._words[place + 1]
        if outcome == Outcome.PENDING or outcome == Outcome.DONE and moved == UNWRITTEN:
            return None
        self.finished += 1
        return Done(self.finished - 1, outcome, moved)

    def close(self):
        """Let go of the memory."""
        self._words.release()
