"""Boards in plain Python for the tests of the host: a machine, and PCIe around it."""

import contextlib
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

from tritone.common import link
from tritone.common.config import TINY
from tritone.common.counters import COUNTERS
from tritone.common.tape import MAGIC, Header, HeaderError
from tritone.host.driver import Board
from tritone.host.pcie import PcieTransport
from tritone.host.pcie_memory import Arena
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.sim.board_twin import BoardTwin
from tritone.sim.pcie_twin import HostMemory, PcieTwin

CHANGES = {"clock_hz": 12_000_000, "baud": 3_000_000, "token_fifo": 64}  # 4 clocks a bit
CONFIG = replace(TINY, **CHANGES)
WAITS = {"gap_clocks": 2000, "poll_clocks": 20_000}  # of a Link
TAPE = MAGIC.to_bytes(CONFIG.word_bytes, "little") + bytes(range(256)) * 150
TOKEN_MASK = (1 << 24) - 1
ARENA_AT = 0x12_3450_0000  # beyond 4 GiB: both halves of an address count
GUARD = b"\xa5" * 4096


class StandInMachine:
    """The recurrence of stand_in.py, behind sim/board_twin.py instead of the gateware."""

    def __init__(self, clocks=60):
        self.counters, self.model = dict.fromkeys(COUNTERS, 0), (0, 0)
        self._clocks, self._state, self._seed = clocks, 0, 0

    def load(self, memory):
        """Takes whatever begins with the word that a tape begins with."""
        good = memory[:4] == MAGIC.to_bytes(4, "little")
        return HeaderError.NONE if good else HeaderError.MAGIC

    def reset(self):
        self._state = 0

    def start(self, prompt, generate, temperature, seed, reset):
        self._state = 0 if reset else self._state
        self._seed = self._seed if seed is None else seed
        for token in prompt:
            self._state = 3 * self._state + token + 1 & TOKEN_MASK
        self.counters["prompt_tokens"] += len(prompt)
        return self._sample(generate, (self._seed & TOKEN_MASK) + (self._seed >> 40) + temperature)

    def _sample(self, generate, step):
        for _ in range(generate):
            self._state = 5 * self._state + step & TOKEN_MASK
            self.counters["tokens"] += 1
            self.counters["clocks"] += self._clocks
            yield self._state


class StandInGolden:
    """The same recurrence with the members of model.golden.Golden that host/golden.py uses."""

    model = SimpleNamespace(shape=SimpleNamespace(vocabulary=TOKEN_MASK + 1))

    def start(self):
        return [0]

    def generate(self, prompt, count, *, temperature, seed, state):
        machine = StandInMachine()
        machine._state = state[0]
        for token in machine.start(prompt, count, temperature, seed, False):
            state[0] = token
            yield token


class GoldenMachine:
    """The golden model of a folder; it takes a tape only when every byte of it is in memory."""

    def __init__(self, folder, image, config):
        self.counters = dict.fromkeys(COUNTERS, 0)
        header = Header.unpack(image)
        self.model = header.model_id, header.vocabulary
        self._image, self._golden = image, Golden(integer_model(folder, config.formats))
        self.reset()

    def load(self, memory):
        good = memory[:len(self._image)] == self._image
        return HeaderError.NONE if good else HeaderError.MAGIC

    def reset(self):
        self._state = self._golden.start()

    def start(self, prompt, generate, temperature, seed, reset):
        if reset:
            self.reset()
        self.counters["prompt_tokens"] += len(prompt) - 1
        for token in self._golden.generate(prompt, generate, temperature=temperature, seed=seed,
                                           state=self._state):
            self.counters["tokens"] += 1
            self.counters["clocks"] += 1
            yield token


class SimulatedPcie:
    """A board twin behind a PCIe twin, and what a transport needs to talk to it.

    Members
    -------
    twin, board
    window : the twin, or what `wrap` makes of it
    closed : whether the transport has closed it
    """

    def __init__(self, config, machine=None, *, arena=1 << 20, threaded=False):
        self.board = BoardTwin(config, machine or StandInMachine())
        self._host = HostMemory()
        self.twin = PcieTwin(self.board, self._host, works=not threaded)
        self._size, self._guarded, self.closed = arena, None, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True) if threaded else None
        if threaded:
            self._thread.start()

    def _work(self):
        while not self._end.is_set():
            if not self.twin.step():
                self._end.wait(1e-4)

    # The window of a transport.

    def read32(self, offset):
        return self.twin.read32(offset)

    def write32(self, offset, value):
        self.twin.write32(offset, value)

    def enable(self, master):
        self.twin.enable(master)

    def close(self):
        self.closed += 1
        self.twin.master = self.twin.memory_space = False

    def memory(self):
        """A new Arena that the twin can reach, between guards that it must leave alone."""
        self._guarded = memoryview(bytearray(GUARD + bytes(self._size) + GUARD))
        self._host.lend(self._guarded, ARENA_AT - len(GUARD))
        inside = self._guarded[len(GUARD):-len(GUARD)]
        return Arena(inside, ARENA_AT)

    def check_guards(self):
        """Whether nothing around the arena has changed."""
        return self._guarded[:len(GUARD)] == GUARD == self._guarded[-len(GUARD):]

    def transport(self, **options):
        """A PcieTransport to it; a new one each time, as a new program would make."""
        return PcieTransport(self, self.memory(), name="pcie:twin", **options)

    def stop(self):
        """End the thread."""
        self._end.set()
        if self._thread:
            self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@contextlib.contextmanager
def pcie_board(config, machine=None, **options):
    """(SimulatedPcie, Board) of a twin."""
    with SimulatedPcie(config, machine) as simulated, \
            Board(simulated.transport(**options), timeout=0.5) as board:
        yield simulated, board


def answers(transport, count, seconds=1.0):
    """Sequence numbers of the next `count` frames."""
    decoder, numbers, end = link.FrameDecoder(), [], time.monotonic() + seconds
    while len(numbers) < count and time.monotonic() < end:
        numbers += [number for number, _, _ in decoder.feed(transport.read(0.01))]
    return numbers
