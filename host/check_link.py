"""The self-test's check of the link: echo, damaged frames, throughput."""

import random
import time

from ..common import link
from ..common.link import Opcode, Status
from .driver import Board
from .failure import Failure
from .text import name_size
from .transport import PCIE

SECONDS = 1.0  # of the wall, for the throughput
SEED = 5
ECHOES, FEW_ECHOES = 16, 4  # frames of random bytes, written to memory and read back; simulated
DAMAGED = 12  # requests with one wrong bit
DAMAGED_ANSWERS = 2


class DamagingTransport:
    """A transport that inverts one bit of each of the next `left` pieces that it receives."""

    def __init__(self, inner, left, draw):
        self.name, self.left = inner.name, left
        self._inner, self._draw = inner, draw

    def write(self, octets):
        self._inner.write(octets)

    def read(self, seconds):
        octets = bytearray(self._inner.read(seconds))
        if octets and self.left:
            self.left -= 1
            octets[self._draw.randrange(len(octets))] ^= 1 << self._draw.randrange(8)
        return bytes(octets)


def check_link(bench):
    """Figures of a link that works; Failure when it does not."""
    draw = random.Random(SEED)
    identity = bench.board.rest()
    bench.config = config = identity["config"]
    echoes = FEW_ECHOES if bench.simulated else ECHOES
    _echo(bench.board, config, draw, echoes)
    _damage_requests(bench, draw)
    _damage_answers(bench, draw)
    bytes_a_second, line = _throughput(bench, config), config.baud / 10
    memory = config.memory_words * config.word_bytes
    how = "the simulation's own speed" if bench.simulated else "frames over PCIe" \
        if bench.options.board.startswith(PCIE) else \
        f"{100 * bytes_a_second / line:.0f} % of {config.baud:,} baud"
    return {"line": f"{config.name}: {config.rows} x {config.inputs} lanes at "
                    f"{config.clock_hz / 1e6:g} MHz, {name_size(memory)}; {echoes} echoes, "
                    f"{DAMAGED + DAMAGED_ANSWERS} damaged frames dropped; "
                    f"{bytes_a_second / 1e3:.1f} kB/s, {how}",
            "bytes_per_second": bytes_a_second, "config": config.to_dict()}


def _echo(board, config, draw, echoes):
    """Random bytes there and back; through IDENTIFY where there is no memory."""
    words = link.MAX_DATA // config.word_bytes
    for number in range(echoes):
        if not config.memory_words:
            board.identify()
            continue
        address = draw.randrange(config.memory_words - words)
        octets = draw.randbytes(words * config.word_bytes)
        board.write(address, octets)
        if (found := board.read(address, words)) != octets:
            place = next(n for n in range(len(octets)) if found[n] != octets[n])
            raise Failure(f"echo {number}: byte {place} of word {address} on came back as "
                          f"{found[place]:02x}, not {octets[place]:02x}; every frame's CRC was "
                          "right", "the check of the memory; docs/bringup.md, \"Memory\"")


def _damage_requests(bench, draw):
    """Requests with one wrong bit are not answered, and the good one behind each is."""
    for number in range(DAMAGED):
        wrong = bytearray(link.encode_frame(number, Opcode.COUNTERS, bytes(4)))
        place = draw.choice([n for n in range(len(wrong)) if n not in (2, 3)])  # not the length
        wrong[place] ^= 1 << draw.randrange(8)
        good = link.encode_frame(number + 100, Opcode.IDENTIFY)
        for sequence, kind, _ in _answers(bench, bytes(wrong) + good, number + 100):
            if sequence != number + 100 or kind != link.RESPONSE | Status.OK:
                raise Failure(f"a request with a wrong bit in byte {place} was answered",
                              "docs/bringup.md, \"Timing\": the gateware's CRC check is broken")


def _answers(bench, octets, last):
    """The frames that come after `octets` were sent, up to the answer to sequence `last`."""
    decoder, end = link.FrameDecoder(), time.monotonic() + bench.timeout
    bench.transport.write(octets)
    while time.monotonic() < end:
        for frame in decoder.feed(bench.transport.read(bench.timeout)):
            yield frame
            if frame[0] == last:
                return
    raise Failure("a good request behind a damaged one was not answered",
                  "docs/bringup.md, \"The board is silent\": noise on the line, or a wrong baud "
                  "rate")


def _damage_answers(bench, draw):
    """An answer with a wrong bit is asked for again."""
    begun = time.monotonic()
    bench.board.identify()
    wait = 0.2 + 20 * (time.monotonic() - begun)
    noisy = DamagingTransport(bench.transport, DAMAGED_ANSWERS, draw)
    board = Board(noisy, timeout=min(wait, bench.timeout), attempts=20)
    while noisy.left:
        if board.identify()["config"] != bench.config:
            raise Failure("an answer with a wrong bit was taken for good",
                          "the same check again; if it stays, this program is damaged")


def _throughput(bench, config):
    """Bytes a second, both ways, of reading as fast as requests go to and fro."""
    begun, octets = time.monotonic(), 0
    words = min(link.MAX_DATA // config.word_bytes, config.memory_words)
    while (elapsed := time.monotonic() - begun) < SECONDS:
        payload = bench.board.read(0, words) if words else bench.board.request(Opcode.IDENTIFY)
        octets += len(payload) + 30  # two frames' fields
    return octets / elapsed
