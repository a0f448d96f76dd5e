"""A workload: one prompt and so many tokens, run again and again on a board."""

import time
import zlib
from array import array
from contextlib import closing
from dataclasses import asdict, dataclass, field

import numpy as np

from ..common.counters import COUNTER_BITS
from ..common.errors import TritoneError
from .transport import BoardError

BINS_A_DECADE = 20
SHOWN = 256  # tokens whose text a report shows


class WorkloadError(TritoneError):
    """A workload that the machine, its memory or its counters have no room for."""


class UnequalPasses(BoardError):
    """The same prompt, seed and temperature gave other tokens than before."""


@dataclass(frozen=True)
class Workload:
    """What one pass does: the state is reset, the prompt read, `tokens` sampled.

    prompt : tuple of token ids
    temperature : unsigned Q4.12
    """

    prompt: tuple
    tokens: int
    temperature: int = 0
    seed: int = 1


@dataclass
class Pass:
    """One pass.

    start, first, end : seconds of time.monotonic(): the request, the first token, the last
    tokens, prompt : how many
    latency : median, least and most seconds between tokens; None with fewer than two
    gaps : [[least, below, count], ...] of these seconds
    crc : CRC-32 of the token ids
    counters : of the machine; docs/link.md, COUNTERS
    """

    start: float
    first: float
    end: float
    tokens: int
    prompt: int
    latency: dict | None
    gaps: list
    crc: int
    counters: dict
    head: list = field(default_factory=list, repr=False)

    def to_dict(self, origin):
        """For JSON, times from `origin` on."""
        found = asdict(self)
        del found["head"]
        for name in ("start", "first", "end"):
            found[name] -= origin
        return found


def bin_of(seconds):
    """Numbers of the bins of gaps: 20 to a decade, 0 from 1 s on; what is not positive comes as
    1 ns.   [N] -> [N]"""
    return np.floor(np.log10(np.maximum(seconds, 1e-9)) * BINS_A_DECADE).astype(int)


def bin_edges(number):
    """Seconds at which a bin begins and ends."""
    return 10 ** (number / BINS_A_DECADE), 10 ** ((number + 1) / BINS_A_DECADE)


def histogram(seconds):
    """[[least, below, count], ...] of the bins that are not empty."""
    numbers, counts = np.unique(bin_of(seconds), return_counts=True)
    return [[*bin_edges(int(number)), int(count)] for number, count in zip(numbers, counts)]


def run_pass(board, workload, count=lambda: None, clock=time.monotonic):
    """One Pass; `count` is called for each token. Whatever the board raises goes through."""
    times, crc, head = array("d"), 0, []
    run = board.run(workload.prompt, workload.tokens, workload.temperature, workload.seed)
    start = clock()
    with closing(run):
        for token in run:
            times.append(clock())
            crc = zlib.crc32(token.to_bytes(4, "little"), crc)
            if len(head) < SHOWN:
                head.append(int(token))
            count()
    gaps = np.diff(times)
    latency = {"median": float(np.median(gaps)), "least": float(gaps.min()),
               "most": float(gaps.max())} if len(gaps) else None
    return Pass(start, times[0], times[-1], len(times), len(workload.prompt), latency,
                histogram(gaps), crc, board.counters(), head)


def check_same(first, later, number):
    """UnequalPasses when two passes gave other tokens: what was measured then is no model."""
    if later.crc != first.crc:
        raise UnequalPasses(f"pass {number} gave other tokens than the first from the same prompt "
                            "and seed: the board is not sound; make selftest finds where")


def check_workload(workload, tape, prediction, memory=None):
    """Refuses what would not fit, before anything starts.

    The model is recurrent: a text has no greatest length, and the prompt flows through the queues
    of the machine. What ends somewhere are the vocabulary, the memory and the counters.

    memory : common.sdram_parts.SdramUse or None
        The chip of a simulated board.

    Raises
    ------
    WorkloadError
    """
    for token in workload.prompt:
        if token >= tape.vocabulary:
            raise WorkloadError(f"token id {token} of the prompt is out of range: the model has "
                                f"{tape.vocabulary} tokens")
    if memory is not None and len(tape.image) > memory.part.size:
        raise WorkloadError(f"the model's tape has {len(tape.image):,} bytes; {memory.part.name} "
                            f"holds {memory.part.size:,}")
    clocks = max(workload.tokens * prediction.token, len(workload.prompt) * prediction.prompt)
    if clocks >= 1 << COUNTER_BITS:
        raise WorkloadError(f"{workload.tokens:,} tokens after {len(workload.prompt):,} of prompt "
                            f"take {clocks:,} clocks; the machine's counters end at "
                            f"{(1 << COUNTER_BITS) - 1:,}")
