"""The PCIe way to a board: frames by SEND and RECEIVE, tapes by STORE (docs/pcie.md, "Host")."""

import contextlib
import time

from ..common.pcie import (CONTROL_ENABLE, CONTROL_RESET, DESCRIPTOR, DOWN, MAGIC, MAX_BYTES,
                           MAX_FRAME, OFFSET, PAGE, STATUS_BUSY, STATUS_MASTER, STATUS_STOPPED, UP,
                           VERSION, Kind, Outcome)
from .pcie_faults import RETRIED, EngineStopped, PcieFault, describe
from .pcie_memory import LINE, Buffer
from .pcie_rings import MASK, Ring
from .transport import BoardError, PortError

ENTRIES = 16  # of each ring
SLOT = 1 << (MAX_FRAME - 1).bit_length()  # bytes of a frame's buffer
SPIN = 200e-6  # seconds of polling without a rest: a request is usually answered within
NAP = 50e-6  # seconds between two looks after that
RECOVERIES = 3  # resets of the engine without an answer or a transfer between them
ALL_ONES = MASK  # what a read gives when nobody answers (PCI Express Base Specification, 2.3.2)


class PcieTransport:
    """Frames to and from a board over PCIe, and blocks of its memory by DMA.

    The status of descriptors is polled in memory; no interrupt is used. Registers are looked at
    every `watch` seconds of waiting, for a board that stopped, was reset or is gone. After a
    fault of the bus the engine is reset and the frames on their way are lost, as they may be on a
    serial line: whoever asks asks again. A descriptor that the board refuses is an error at once.

    Parameters
    ----------
    window : object with read32(offset), write32(offset, value), enable(master) and close()
        BAR 0; `enable` turns memory space on, and with `master` bus mastering too.
    memory : object with allocate(octets, alignment), left and close(), see pcie_memory.Arena
    name : str
    entries : int
        Of each ring, a power of two up to 128.
    piece : int
        Bytes at most of a STORE or LOAD; two such buffers are allocated.
    patience : float
        Seconds in which the board finishes an entry, other than to receive, or comes to rest.
    watch : float

    Raises
    ------
    PortError
        From every method when the board is gone or stands still.
    PcieFault
        When it refuses a descriptor, or the bus fails again and again.
    """

    def __init__(self, window, memory, *, name="pcie", entries=ENTRIES, piece=MAX_BYTES,
                 patience=5.0, watch=0.01):
        self.name = name
        self._window, self._memory = window, memory
        self._patience, self._watch, self._look_at = patience, watch, 0.0
        self._received = bytearray()
        self._failures = 0
        self._closed = False
        try:
            self._identify()
            self._allocate(entries, piece)
            self._start()
        except BaseException:
            self.close()
            raise

    # Frames ------------------------------------------------------------------------------------

    def write(self, octets):
        """Send all of `octets`; returns when the last of them is the board's to fetch."""
        while True:
            try:
                for start in range(0, len(octets), SLOT):
                    self._send(octets[start:start + SLOT])
                return
            except EngineStopped as stop:
                self._recover(stop)

    def read(self, seconds):
        """What has been received, after at most `seconds`; empty when there was nothing."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._wait(lambda: self._received, deadline)
                break
            except EngineStopped as stop:
                self._recover(stop)
        octets = bytes(self._received)
        self._received.clear()
        return octets

    def close(self):
        """Stop the board's DMA and give memory and device back; more than once does no harm."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(BoardError):  # of a board that is gone already
            self._write("CONTROL", CONTROL_RESET)
            self._rest()
        self._window.close()  # from here on the device masters the bus no more
        for ring in getattr(self, "_rings", ()):
            ring.close()
        self._memory.close()

    # Memory ------------------------------------------------------------------------------------

    def store(self, address, octets, word_bytes):
        """Write `octets` to the board's memory from word `address` on.

        The last word is filled up with zeros. One buffer is filled while another is on its way.
        """
        pieces = self._pieces(address, len(octets), word_bytes)
        octets = memoryview(octets)
        while pieces:
            try:
                self._store(pieces, octets)
            except EngineStopped as stop:
                self._recover(stop)

    def load(self, address, words, word_bytes):
        """Bytes of `words` words of the board's memory from word `address` on."""
        pieces = self._pieces(address, words * word_bytes, word_bytes)
        octets = bytearray(words * word_bytes)
        while pieces:
            try:
                self._load(pieces, octets)
            except EngineStopped as stop:
                self._recover(stop)
        return bytes(octets)

    def _pieces(self, address, octets, word_bytes):
        """[(word, start, stop), ...]: what a buffer holds of each, in whole words."""
        size = len(self._staging[0].view) // word_bytes * word_bytes
        return [(address + start // word_bytes, start, min(start + size, octets))
                for start in range(0, octets, size)]

    def _store(self, pieces, octets):
        """Sends `pieces` and takes those from the list that have arrived."""
        sent = []
        for number, (word, start, stop) in enumerate(list(pieces)):
            if len(sent) == len(self._staging):
                self._finish(self._down, sent.pop(0), pieces)
            staging = self._staging[number % len(self._staging)]
            staging.view[:stop - start] = octets[start:stop]
            self._make_room(self._down)
            sent.append(self._post(self._down, Kind.STORE, staging, stop - start, word))
        for number in sent:
            self._finish(self._down, number, pieces)

    def _load(self, pieces, octets):
        staging = self._staging[0]
        while pieces:
            word, start, stop = pieces[0]
            self._make_room(self._down)
            number = self._post(self._down, Kind.LOAD, staging, stop - start, word)
            self._finish(self._down, number, pieces)
            octets[start:stop] = staging.view[:stop - start]

    def _finish(self, ring, number, pieces):
        """Waits for the entry that moves the first of `pieces`, and strikes that off."""
        if not self._wait(lambda: ring.finished > number, time.monotonic() + self._patience):
            raise self._stuck(ring)
        del pieces[0]
        self._failures = 0

    # Entries -----------------------------------------------------------------------------------

    def _slot(self, buffer, ring):
        """The part of `buffer` that belongs to the next entry of a ring."""
        start = ring.posted % ring.entries * SLOT
        return Buffer(buffer.view[start:start + SLOT], buffer.address + start)

    def _make_room(self, ring):
        """Waits for a free entry."""
        if not self._wait(lambda: ring.free, time.monotonic() + self._patience):
            raise self._stuck(ring)

    def _post(self, ring, kind, buffer, octets, word=0):
        """Posts an entry and tells the board; its number."""
        number = ring.post(kind, buffer, octets, word)
        ring.announce()
        return number

    def _send(self, octets):
        """Posts a piece of a frame."""
        self._make_room(self._down)
        slot = self._slot(self._sending, self._down)
        slot.view[:len(octets)] = octets
        self._post(self._down, Kind.SEND, slot, len(octets))

    def _post_receives(self):
        """Every free entry of the up ring waits for a frame."""
        while self._up.free:
            self._up.post(Kind.RECEIVE, self._slot(self._incoming, self._up), SLOT)
        self._up.announce()

    def _reap(self):
        """Takes what the board has finished; EngineStopped when it met an error."""
        while (done := self._up.reap()) is not None:
            self._check(self._up, done)
            start = done.number % self._up.entries * SLOT
            self._received += self._incoming.view[start:start + min(done.moved, SLOT)]
            self._post_receives()
            self._failures = 0
        while (done := self._down.reap()) is not None:
            self._check(self._down, done)

    def _check(self, ring, done):
        if done.outcome != Outcome.DONE:
            number = (DOWN, UP)[ring is self._up]
            raise EngineStopped(done.outcome, describe(done.outcome, number, done.number))

    def _wait(self, ready, deadline):
        """`ready()` as soon as it is true, or what it is at the deadline."""
        begun = time.monotonic()
        while True:
            self._reap()
            if result := ready():
                return result
            now = time.monotonic()
            if now >= self._look_at:
                self._look()
                self._look_at = time.monotonic() + self._watch
            if now >= deadline:
                return result
            if now > begun + SPIN:
                time.sleep(min(NAP, max(0.0, deadline - now)))

    # The engine --------------------------------------------------------------------------------

    def _read(self, register):
        return self._window.read32(OFFSET[register])

    def _write(self, register, value):
        self._window.write32(OFFSET[register], value)

    def _status(self):
        status = self._read("STATUS")
        if status == ALL_ONES:
            raise self._gone()
        return status

    def _identify(self):
        """Is this a board that this program knows?"""
        self._window.enable(master=False)
        magic, version = self._read("MAGIC"), self._read("VERSION")
        if magic == ALL_ONES:
            raise self._gone()
        if magic != MAGIC:
            raise PortError(f"{self.name}: BAR 0 begins with 0x{magic:08x}, not 0x{MAGIC:08x}: "
                            "its gateware is not Tritone's")
        if version != VERSION:
            raise PortError(f"{self.name}: the board's registers are of version {version}, this "
                            f"program knows {VERSION}")

    def _allocate(self, entries, piece):
        """Rings first, then all buffers, which alone lie in the window that the board is told."""
        size = entries * DESCRIPTOR.size
        self._rings = self._down, self._up = [
            Ring(self._window, self._memory.allocate(size, size), name) for name in ("DOWN", "UP")]
        self._sending = self._memory.allocate(entries * SLOT, SLOT)
        self._incoming = self._memory.allocate(entries * SLOT, SLOT)
        piece = min(piece, MAX_BYTES, self._memory.left // 2 // LINE * LINE)
        self._staging = [self._memory.allocate(max(piece, PAGE)) for _ in range(2)]

    def _start(self):
        """Engine and rings from the beginning, in whatever state they are.

        The reset comes before bus mastering: a program that was killed has left rings behind in
        memory that is not its own any more.
        """
        self._window.enable(master=False)  # bus mastering stays as it is
        self._write("CONTROL", CONTROL_RESET)
        self._rest()
        self._window.enable(master=True)
        if not self._status() & STATUS_MASTER:
            raise PortError(f"{self.name}: bus mastering does not stay on; the device or its port "
                            "was reset, or another program turned it off")
        self._write("EVENT_MASK", 0)
        last = self._staging[-1]
        for register, value in (("WINDOW_LOW", self._sending.address),
                                ("WINDOW_TOP", last.address + len(last.view) - 1)):
            self._write(register, value & MASK)
            self._write(f"{register}_HIGH", value >> 32)
        for ring in self._rings:
            ring.begin()
        self._write("CONTROL", CONTROL_ENABLE)
        self._post_receives()

    def _rest(self):
        """Waits until the board writes no more: what a read returns comes behind its last write
        (PCI Express Base Specification, 2.4.1)."""
        deadline = time.monotonic() + self._patience
        while self._status() & STATUS_BUSY:
            if time.monotonic() > deadline:
                raise PortError(f"{self.name}: its engine does not come to rest within "
                                f"{self._patience:g} s of a reset")
            time.sleep(NAP)

    def _look(self):
        """What the registers say that memory cannot."""
        if self._status() & STATUS_STOPPED:
            self._reap()  # what came before the error, and the error where it could be written
            error = self._read("ERROR")
            raise EngineStopped(error & 0xFF,
                                describe(error & 0xFF, error >> 8 & 0xFF, error >> 16))
        if not self._read("CONTROL") & CONTROL_ENABLE:
            raise EngineStopped(None, "it was reset while this program used it")

    def _recover(self, stop):
        """Starts anew after an error; PcieFault when there is no hope that this helps."""
        self._failures += 1
        self._start()
        if stop.outcome not in RETRIED or self._failures > RECOVERIES:
            failures, self._failures = self._failures, 0
            again = f" ({failures} times in a row)" * (stop.outcome in RETRIED)
            raise PcieFault(f"{self.name}: {stop}{again}", stop.outcome)

    def _gone(self):
        return PortError(f"{self.name}: the device does not answer: it is switched off, in reset, "
                         "or its gateware was loaded anew; then remove it and rescan the bus")

    def _stuck(self, ring):
        return PortError(f"{self.name}: entry {ring.finished % 65536} of the {ring.name.lower()} "
                         f"ring is not done after {self._patience:g} s; the board answers reads of "
                         "its registers but its engine does not move")
