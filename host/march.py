"""The march test of a board's memory: starts it, watches it, says what it found."""

import time
from dataclasses import dataclass

from ..common.link import MARCH_REPLY, Opcode
from ..common.march import ELEMENTS, expected
from .driver import SilentBoard
from .transport import BoardError

POLL_PAUSE = 0.05
MOST_BITS = 12  # that a message names one by one


@dataclass(frozen=True)
class March:
    """What a march found.

    words : int
        That it visited.
    reads : int
        Wrong ones; each word is read five times.
    faulty : int
        Words that are faulty at least.
    element, address : int
        Of the first wrong read.
    expected, found : int
        The word that should have been read there, and the one that was.
    seen : int
        Every bit that was wrong somewhere.
    seconds : float
        By the wall clock.
    """

    words: int
    reads: int
    faulty: int
    element: int
    address: int
    expected: int
    found: int
    seen: int
    seconds: float

    @property
    def bits(self):
        """Numbers of the bits of a word that were ever wrong."""
        return [n for n in range(self.seen.bit_length()) if self.seen >> n & 1]


def name_bits(bits):
    """"bit 3", or "bits 1, 5" and so on, at most MOST_BITS of them."""
    if len(bits) == 1:
        return f"bit {bits[0]}"
    shown = ", ".join(map(str, bits[:MOST_BITS]))
    return f"bits {shown}" + f" and {len(bits) - MOST_BITS} more" * (len(bits) > MOST_BITS)


def march(board, words, *, background=0, progress=None, stall=30.0):
    """Marches through `words` words from address 0 on. What was in the memory is lost.

    Parameters
    ----------
    board : driver.Board
    background : int
        That of word 0; see common/march.py.
    progress : callable(done, total), optional
        In visits of words, six a word.
    stall : float
        Seconds without progress after which the board counts as dead.

    Raises
    ------
    BoardError
    """
    config = board.rest()["config"]
    number, *_ = _ask(board, config, 0)
    number = number % 0xFFFF_FFFF + 1  # never 0, which only asks
    begun = moved = time.monotonic()
    running, seen = True, None
    try:
        while running:
            _, running, done, figures = _ask(board, config, number, background, words)
            if done != seen:
                seen, moved = done, time.monotonic()
            if progress:
                progress(done, len(ELEMENTS) * words)
            if time.monotonic() - moved > stall:
                raise SilentBoard(f"{board.name}: the march rests at word {done} for {stall:g} s; "
                                  "the memory takes no request, or gives no word")
            time.sleep(POLL_PAUSE * running)
    except BoardError:
        raise
    except BaseException:
        board.request(Opcode.MARCH, number % 0xFFFF_FFFF + 1, 0, 0, 0)
        raise
    reads, faulty, element, address, difference, seen = figures
    right = expected(element, background, address, config.word_bits) if reads else 0
    return March(words, reads, faulty, element, address, right, right ^ difference, seen,
                 time.monotonic() - begun)


def _ask(board, config, number, background=0, words=0):
    """(number of the last march, it runs, visits done, figures)"""
    payload = board.request(Opcode.MARCH, number, background, 0, words)
    if len(payload) != MARCH_REPLY.size + 2 * config.word_bytes:
        raise BoardError(f"{board.name}: cannot read the answer to MARCH")
    left, running, element, first_element, last, reads, faulty, address = \
        MARCH_REPLY.unpack_from(payload)
    difference, seen = (int.from_bytes(payload[n:n + config.word_bytes], "little") for n in (
        MARCH_REPLY.size, MARCH_REPLY.size + config.word_bytes))
    return last, bool(running), (element + 1) * words - left, (
        reads, faulty, first_element, address, difference, seen)
