"""Why refresh of SdramController never starves: a number of clocks that falls until it is done.

As in formal/frame_parser.py, liveness is safety: `rank` bounds the clocks until the last refresh
of the batch that is due, or under way, is at the pins. It falls in every clock, whatever requests
come, so it cannot be put off.
"""

from amaranth.hdl import Mux

from .sdram_invariants import largest


class Ranks:
    """The most clocks until the last refresh of a batch, by state of the RowMachine.

    Each is one more than the largest that can follow it. A command comes a clock after the timers
    allow it, when `_may_open` or `_may_close` says so.

    Attributes
    ----------
    batch : int
        From the PRECHARGE of all banks.
    most : int
        From any state.
    """

    def __init__(self, t):
        self.turn = t.beats - 1 + t.wr  # after the last word, until its bank may be closed
        self.wait = max(t.rp, t.rcd, t.rfc, t.mrd) - 1
        self.reopening = max(t.rcd - 2, 1)
        self.refresh = t.rfc + 1
        self.batch = max(t.rp, t.rc) + 1 + (t.refresh_batch - 1) * self.refresh + 1
        self.idle = self.close = 1 + max(self.wait, t.ras - 1, self.turn) + 1 + self.batch
        self.ready = 1 + self.idle
        self.opening = 1 + self.ready
        self.compare = 1 + max(self.wait, t.rc - 1, t.rrd - 1) + 2 + self.opening
        self.look = 1 + self.compare
        self.most = t.rfc + self.reopening + 2 + self.look


def late(t):
    """The most clocks from a batch being due to its last REFRESH at the pins, and one."""
    return Ranks(t).most + 1


class Lateness:
    """Asserts what makes SdramRules.refresh_in_time inductive.

    A batch that is due since `interval - until` clocks, or the first one, for which the timer may
    have run out while the chip was being initialised, is early enough for its rank.

    Parameters
    ----------
    known : sdram_invariants.Invariants
    rules : sdram_rules.SdramRules
    t : common.sdram_parts.SdramTiming
    """

    def __init__(self, known, rules, t):
        self._known, self._ranks = known, Ranks(t)
        p, ranks = known.peeks, self._ranks
        until = p.until + 1  # clocks until the timer makes a batch due
        rank = self._rank()
        batch = known.at("REFRESH") & p.initialised
        pending = p.due | batch
        first = rules.owed + rank <= ranks.most + 1
        regular = ((t.refresh_interval + rank <= until + ranks.most)
                   & (rules.owed + until <= 2 * t.refresh_interval + 1) & ~(batch & p.due))
        known.holds(
            p.over == (p.until == 0), p.until < t.refresh_interval,
            ~batch | (rules.initialised & (rules.count + p.left + rules.is_refresh
                                           == t.refresh_batch)),
            batch | (rules.count == 0),
            rules.initialised | (rules.owed == 0),
            ~known.at("DRAIN") | p.due, ~rules.is_refresh | known.at("REFRESH"),
            ~known.at("REOPENING") | (p.wait_left < ranks.reopening),
            ~rules.initialised | Mux(pending, first | regular,
                                     rules.owed + until <= t.refresh_interval + 1),
        )

    def _rank(self):
        p, at, ranks = self._known.peeks, self._known.at, self._ranks
        opens = largest(p.wait_left, p.open_left)
        closes = largest(p.wait_left, p.close_left,
                         Mux(p.go, ranks.turn, largest(p.recovery_left, p.spacing_left)))
        in_state = {
            "DRAIN": Mux(closes == 0, ~p.may_close, closes + 1) + ranks.batch,
            "REFRESH": Mux(p.left == 0, 0,
                           opens + ~p.may_open + (p.left - 1) * ranks.refresh + 1),
            "REOPEN": p.wait_left + ~p.may_open + ranks.reopening + 2 + ranks.look,
            "REOPENING": p.wait_left + 1 + ranks.look,
            "IDLE": ranks.idle, "LOOK": ranks.look, "COMPARE": ranks.compare,
            "OPEN": Mux(p.may_open, p.go, opens + 2) + ranks.opening,
            "READY": ranks.ready, "CLOSE": ranks.close,
        }
        rank = 0
        for name, value in in_state.items():
            rank = Mux(at(name), value, rank)
        return rank
