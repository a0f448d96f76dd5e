"""What bounds a token on a machine: the memory that gives the tape, the array that takes it."""

from dataclasses import dataclass

# Of a clock exactly one is true, seen from the array; the counters are those of common/counters.py.
ARRAY_STATES = {"array_busy": "multiplying", "memory_stall": "waiting for the memory",
                "array_wait_codes": "waiting for codes"}
OTHER = "other"  # embedding, norms and commands on the tape, the end of the token
PASSES = {"normalise_busy": "normaliser", "quantise_busy": "quantiser", "results_busy": "results",
          "sampler_busy": "sampler", "link_stall": "link"}


@dataclass(frozen=True)
class Roofline:
    """Bounds of one sampled token.

    Parameters
    ----------
    trits : int
        Ternary weights of the model.
    octets : int
        Bytes that the memory gives for a token; 0 when the model is in block RAM.
    lanes : int
        Trits that the array multiplies in a clock.
    octets_a_clock : float
        Peak of the memory, for a clock of the machine; 0 without a memory.
    """

    trits: int
    octets: int
    lanes: int
    octets_a_clock: float

    @property
    def compute(self):
        """Clocks in which every lane multiplies a trit in every one."""
        return self.trits / self.lanes

    @property
    def memory(self):
        """Clocks in which the memory gives the token's bytes at its peak, refresh left out."""
        return self.octets / self.octets_a_clock if self.octets_a_clock else 0.0

    @property
    def clocks(self):
        """The fewest that are possible."""
        return max(self.compute, self.memory)

    @property
    def bound(self):
        """What sets them: "memory" or "array"."""
        return "memory" if self.memory > self.compute else "array"

    def share(self, clocks):
        """Of the speed that is possible, what a token of so many clocks has."""
        return self.clocks / clocks


def where_the_clocks_went(counters):
    """{state: clocks of a token}, which add up to the token's, from the counters of a run.

    A run whose prompt is one token: counters do not tell prompt from generation.
    """
    tokens = counters["tokens"]
    states = {text: counters[name] / tokens for name, text in ARRAY_STATES.items()}
    return states | {OTHER: counters["clocks"] / tokens - sum(states.values())}


def fastest(entries):
    """{model: its fastest entry on a board} of those of docs/data/roofline.json."""
    found = {}
    for entry in sorted(entries, key=lambda e: -e["clock_hz"] / e["clocks"]):
        if entry["boards"]:
            found.setdefault(entry["model"], entry)
    return found


def passes(counters):
    """{box: clocks of a token} in which a vector box worked, beside the array or not."""
    return {text: counters[name] / counters["tokens"] for name, text in PASSES.items()}
