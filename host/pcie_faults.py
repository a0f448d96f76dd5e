"""What can go wrong in the board's PCIe engine, in words."""

from ..common.pcie import DOWN, MAX_BYTES, UP, Outcome
from .transport import BoardError

REASONS = {
    Outcome.BAD_LENGTH: f"the length of the buffer; expected 1 to {MAX_BYTES:,} bytes, and room "
                        "for the longest frame",
    Outcome.BAD_ADDRESS: "the buffer leaves the window that this program told the board",
    Outcome.BAD_WORDS: "words outside the board's memory",
    Outcome.BAD_KIND: "a kind that it does not know in this ring",
    Outcome.BAD_RING: "base, size or doorbell of the ring",
    Outcome.BUSY: "its memory belongs to a run; end the run first",
    Outcome.UNSUPPORTED: "the host refused a read of its own memory; is an IOMMU in the way?",
    Outcome.POISONED: "the host sent data that it calls corrupt itself",
    Outcome.TIMEOUT: "the host did not answer a read of its memory in time",
    Outcome.BUS_MASTER: "bus mastering was turned off; the device or its port was reset, or "
                        "another program uses it",
    Outcome.MALFORMED: "the host's answer to a read does not fit it",
}

# Faults of the bus, None being a reset of the device: another attempt may go well. The others are
# mistakes of this program.
RETRIED = {None, Outcome.UNSUPPORTED, Outcome.POISONED, Outcome.TIMEOUT, Outcome.BUS_MASTER,
           Outcome.MALFORMED}


class PcieFault(BoardError):
    """The board's engine stopped; `outcome` is the Outcome, or None when the device was reset."""

    def __init__(self, message, outcome):
        super().__init__(message)
        self.outcome = outcome


class EngineStopped(Exception):
    """The same, before it is known whether a reset helps."""

    def __init__(self, outcome, message):
        super().__init__(message)
        self.outcome = outcome


def describe(code, ring, entry):
    """An error of the engine: what, where, why."""
    where = {DOWN: "down", UP: "up"}.get(ring, f"unknown ({ring})")
    name = Outcome(code).name if code in REASONS else f"error {code}"
    reason = REASONS.get(code, "a code that this program does not know; is the gateware newer?")
    return f"the board stopped at entry {entry % 65536} of the {where} ring: {name}, {reason}"
