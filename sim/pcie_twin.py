"""The PCIe endpoint in plain Python, written from docs/pcie.md alone: registers, rings, errors.

A host reads and writes its registers and shares its memory with it; frames go to a board behind
frames (sim/board_twin.py), words to that board's memory. Work is done when a register is written,
or a step at a time by whoever calls `step`, for instance a thread.
"""

import threading
from collections import deque

from ..common.pcie import (BAR_BYTES, CONTROL_ENABLE, CONTROL_RESET, DESCRIPTOR, DOWN, EVENT_DONE,
                           EVENT_ERROR, INTERRUPT, KINDS, MAGIC, MAX_BYTES, MAX_FRAME, MAX_RING,
                           OFFSET, REGISTERS, STATUS_AT, STATUS_MASTER, STATUS_RUN, STATUS_STOPPED,
                           UP, VERSION, Kind, Outcome)

ALL_ONES = MASK = 0xFFFF_FFFF
COUNT_MASK = 0xFFFF
CLOCK_HZ = 125_000_000
NAMES = {DOWN: "DOWN", UP: "UP"}
BY_OFFSET = {register.offset: register for register in REGISTERS}


class BusError(Exception):
    """The device reached for memory that nobody lent it."""


class HostMemory:
    """What the device can reach: blocks of the host's memory at addresses of the bus."""

    def __init__(self):
        self._blocks = []

    def lend(self, view, address):
        """Bytes in `view` are at `address` from now on; what was there before is not."""
        self._blocks.insert(0, (address, view))

    def __call__(self, address, octets):
        """A writable view of `octets` bytes at an address."""
        for base, view in self._blocks:
            if base <= address and address + octets <= base + len(view):
                return view[address - base:address - base + octets]
        raise BusError(f"{octets} bytes at {address:#x}")


class PcieTwin:
    """Registers of BAR 0 and what is behind them.

    Parameters
    ----------
    board : BoardTwin
    host : HostMemory
    works : bool
        Whether writing a register does all the work that there is; else `step` does.

    Members
    -------
    faults : dict of (ring, entries still to go before it) -> Outcome
        Planted: that entry ends with this error.
    lost : set of Outcome
        Errors that cannot be written into the descriptor.
    master : bool
        Bus mastering, as the command register has it.
    silent, gone : bool
        It works on nothing; it does not answer at all.
    """

    def __init__(self, board, host, works=True):
        self._board, self._host, self._works = board, host, works
        self.faults, self.lost = {}, set()
        self.master = self.memory_space = False
        self.silent = self.gone = False
        self.resets = 0
        self._lock = threading.RLock()
        self.surprise()

    def surprise(self):
        """A reset that the host did not ask for: every register is what it is after power-up."""
        with self._lock:
            self._registers = dict.fromkeys(OFFSET, 0)
            self._registers.update(MAGIC=MAGIC, VERSION=VERSION, CLOCK_HZ=CLOCK_HZ)
            self.master = False
            self._reset()

    def lose_master(self):
        """Bus mastering goes off while the up ring is worked on."""
        with self._lock:
            self.master = False
            self._stop(UP, Outcome.BUS_MASTER)

    def _reset(self):
        self.resets += 1
        for ring in NAMES.values():
            self._registers[f"{ring}_HEAD"] = self._registers[f"{ring}_TAIL"] = 0
        for name in ("CLOCKS", "READ_BYTES", "LOADED_BYTES", "ERROR", "CONTROL"):
            self._registers[name] = 0
        self._frames = deque()

    # Registers -------------------------------------------------------------------------------

    def enable(self, master):
        """What the host writes into the command register."""
        with self._lock:
            self.memory_space = True
            self.master |= bool(master)

    def read32(self, offset):
        """A dword of BAR 0."""
        with self._lock:
            if not 0 <= offset < BAR_BYTES or offset % 4:
                raise BusError(f"a read at {offset:#x}")
            if self.gone or not self.memory_space:
                return ALL_ONES
            register = BY_OFFSET.get(offset)
            if register is None or register.access == "w1":
                return 0
            return self._status() if register.name == "STATUS" else \
                self._registers[register.name]

    def write32(self, offset, value):
        """Write a dword of BAR 0."""
        with self._lock:
            if not 0 <= offset < BAR_BYTES or offset % 4 or not 0 <= value <= MASK:
                raise BusError(f"a write of {value:#x} at {offset:#x}")
            register = BY_OFFSET.get(offset)
            if self.gone or not self.memory_space or register is None or register.access == "r":
                return
            self._set(register.name, value)
            while self._works and self.step():
                pass

    def _set(self, name, value):
        if name == "CONTROL":
            if value & CONTROL_RESET:
                self._reset()
            self._registers[name] = value & CONTROL_ENABLE
        elif BY_OFFSET[OFFSET[name]].access == "c":
            self._registers[name] &= ~value
        elif name.endswith("_TAIL"):
            self._registers[name] = value & COUNT_MASK
        else:
            self._registers[name] = value

    def _status(self):
        stopped = self._registers["ERROR"] & 0xFF != 0
        return (STATUS_STOPPED * stopped | STATUS_MASTER * self.master
                | STATUS_RUN * self._board.running)

    def _address(self, low, high):
        return self._registers[low] | self._registers[high] << 32

    # Rings -----------------------------------------------------------------------------------

    def step(self):
        """Work on one entry of each ring; whether there was any."""
        with self._lock:
            if (self.silent or self.gone or not self.master or not self._registers["CONTROL"]
                    or self._registers["ERROR"] & 0xFF):
                return False
            return any([self._step(ring) for ring in (DOWN, UP)])

    def _count(self, ring):
        name = NAMES[ring]
        return self._registers[f"{name}_TAIL"] - self._registers[f"{name}_HEAD"] & COUNT_MASK

    def _base(self, ring):
        return self._address(f"{NAMES[ring]}_BASE_LOW", f"{NAMES[ring]}_BASE_HIGH")

    def _step(self, ring):
        if self._registers["ERROR"] & 0xFF or not self._count(ring):
            return False
        base, size = self._base(ring), self._registers[f"{NAMES[ring]}_SIZE"]
        entries = 1 << min(size, MAX_RING + 1)
        if size > MAX_RING or base % (entries * DESCRIPTOR.size) or self._count(ring) > entries:
            self._stop(ring, Outcome.BAD_RING)
            return True
        place = base + self._registers[f"{NAMES[ring]}_HEAD"] % entries * DESCRIPTOR.size
        return self._work(ring, self._host(place, DESCRIPTOR.size))

    def _work(self, ring, entry):
        address, octets, kind, flags, word, _, status, _ = DESCRIPTOR.unpack(entry)
        if status != Outcome.PENDING:
            raise BusError(f"the host has not cleared the status of an entry: {status}")
        outcome = self._judge(ring, address, octets, kind, word)
        if outcome is None and kind == Kind.RECEIVE and not self._frames:
            return False
        if (outcome := outcome or self._planted(ring)) is not None:
            if outcome not in self.lost:
                self._finish(entry, outcome, 0)
            self._stop(ring, outcome)
            return True
        moved = getattr(self, f"_{Kind(kind).name.lower()}")(address, octets, word)
        head = f"{NAMES[ring]}_HEAD"
        self._registers[head] = self._registers[head] + 1 & COUNT_MASK
        self._registers["EVENTS"] |= EVENT_DONE * bool(flags & INTERRUPT)
        self._finish(entry, Outcome.DONE, moved)
        return True

    def _finish(self, entry, outcome, moved):
        """Status and bytes moved: the last that is written of an entry."""
        entry[STATUS_AT:] = int(outcome).to_bytes(4, "little") + moved.to_bytes(4, "little")

    def _planted(self, ring):
        """The Outcome that was planted for this entry; counts the others down."""
        due = self.faults.pop((ring, 0), None)
        self.faults = {(at, left - (at == ring)): outcome
                       for (at, left), outcome in self.faults.items()}
        return due

    def _judge(self, ring, address, octets, kind, word):
        """What is wrong with a descriptor, None when nothing is."""
        if kind not in KINDS[ring]:
            return Outcome.BAD_KIND
        if not 1 <= octets <= MAX_BYTES or kind == Kind.RECEIVE and octets < MAX_FRAME:
            return Outcome.BAD_LENGTH
        low = self._address("WINDOW_LOW", "WINDOW_LOW_HIGH")
        top = self._address("WINDOW_TOP", "WINDOW_TOP_HIGH")
        if not low <= address <= address + octets - 1 <= top:
            return Outcome.BAD_ADDRESS
        if kind in (Kind.STORE, Kind.LOAD):
            size = self._board.config.word_bytes
            if word + -(-octets // size) > self._board.config.memory_words:
                return Outcome.BAD_WORDS
            if self._board.running:
                return Outcome.BUSY
        return None

    def _stop(self, ring, outcome):
        entry = self._registers[f"{NAMES[ring]}_HEAD"]
        self._registers["ERROR"] = outcome | ring << 8 | entry << 16
        self._registers["EVENTS"] |= EVENT_ERROR

    # Kinds -----------------------------------------------------------------------------------

    def _add(self, name, octets):
        self._registers[name] = self._registers[name] + octets & MASK
        return octets

    def _send(self, address, octets, _):
        self._frames += self._board.take(bytes(self._host(address, octets)))
        return self._add("READ_BYTES", octets)

    def _store(self, address, octets, word):
        size = self._board.config.word_bytes
        filled = bytes(self._host(address, octets)) + bytes(-octets % size)
        self._board.memory[word * size:word * size + len(filled)] = filled
        return self._add("READ_BYTES", octets)

    def _receive(self, address, _octets, _word):
        frame = self._frames.popleft()
        self._host(address, len(frame))[:] = frame
        return len(frame)

    def _load(self, address, octets, word):
        start = word * self._board.config.word_bytes
        self._host(address, octets)[:] = self._board.memory[start:start + octets]
        return self._add("LOADED_BYTES", octets)
