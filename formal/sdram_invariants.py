"""What always holds between the counters of SdramController and those of SdramRules.

With it the rules follow from one clock to the next, whatever the times are, so that the solver
never has to count through them. Everything here is asserted, nothing is assumed.
"""

from functools import reduce
from types import SimpleNamespace

from amaranth.hdl import Assert, Cat, Mux

# Of RowMachine, as Amaranth numbers them: by their first mention.
STATES = ("DRAIN", "REFRESH", "MODE", "REOPEN", "REOPENING", "OPEN", "POWER_UP", "IDLE", "LOOK",
          "COMPARE", "READY", "CLOSE")
TIMERS = {"close": "rows.close_timer", "open": "rows.open_timer", "wait": "rows.wait",
          "spacing": "columns.spacing", "turnaround": "columns.turnaround",
          "recovery": "columns.recovery", "length": "write_gearbox.length"}


def lengths(t):
    """Of TIMERS, in clocks."""
    return {"close": t.ras, "open": max(t.rc, t.rrd),
            "wait": max(t.rp, t.rcd - 2, 1, t.rfc, t.mrd) - 1,
            "spacing": t.beats - 1, "turnaround": t.cas_latency + t.beats,
            "recovery": t.beats - 1 + t.wr, "length": t.beats}


def peeked(geometry, t):
    """{name: (signal inside SdramController, its width)}."""
    def width(clocks):
        return clocks.bit_length()

    place = geometry.bank_bits + geometry.row_bits
    found = {
        "state": ("rows.rows_state", 4), "segment": ("rows.segment", 1 + place +
                                                     geometry.column_bits + 8),
        "opened": ("rows.opened", 1 << geometry.bank_bits), "clear": ("rows.clear", 1),
        "found_open": ("rows._found_open", 1), "powered": ("rows._powered", 1),
        "power": ("rows.power", width(t.power_up)), "initialised": ("rows.initialised", 1),
        "left": ("rows.left", width(max(t.refresh_batch, t.power_up_refreshes))),
        "batch_over": ("rows.over", 1),
        "may_open": ("rows._may_open", 1), "may_close": ("rows._may_close", 1),
        "go": ("columns.go", 1), "active": ("columns.active", 1), "write": ("columns.write", 1),
        "started": ("columns.started", 1), "place": ("columns.place", place),
        "due": ("refresh.due", 1), "over": ("refresh.over", 1),
        "until": ("refresh.left", width(t.refresh_interval - 1)),
        "wait_begins": ("rows.wait_begins", 1),
        "wait_length": ("rows._wait_length", width(lengths(t)["wait"])),
    }
    for name, path in TIMERS.items():
        found[f"{name}_left"] = (f"{path}.left", width(lengths(t)[name]))
        found[f"{name}_done"] = (f"{path}.done", 1)
    return found


def largest(*values):
    """Of some unsigned Values."""
    return reduce(lambda a, b: Mux(a > b, a, b), values)


def implied(condition, consequence):
    """A Value; box.implies is the Assert of it."""
    return ~condition | consequence


class Invariants:
    """Asserts what ties the controller to the rules.

    A command that the controller has decided on is seen by the rules in the next clock, as `is_`,
    and in the clock after that in their counters.

    Parameters
    ----------
    m : Module
    peeks : dict
        The Values of `peeked`.
    rules : sdram_rules.SdramRules
    geometry : rtl.sdram_interfaces.Geometry
    times : common.sdram_parts.SdramTiming
    """

    def __init__(self, m, peeks, rules, geometry, times):
        self._m, self._rules, self._times = m, rules, times
        self.peeks = p = SimpleNamespace(**peeks)
        self._bank = p.segment[1:1 + geometry.bank_bits]
        self._place = p.place[:geometry.bank_bits]
        self._timers()
        self._initialisation()
        self._rows()
        self._columns()
        self._data()

    def at(self, *names):
        return Cat(self.peeks.state == STATES.index(name) for name in names).any()

    def holds(self, *values, src_loc_at=0):
        """Asserts, each named by the line of the caller."""
        for value in values:
            self._m.d.comb += Assert(value, src_loc_at=1 + src_loc_at)

    def _timers(self):
        """A time of the sheet that has not passed yet is left on the timer, and a clock more."""
        p, r, t = self.peeks, self._rules, self._times
        for name in TIMERS:
            left, done = getattr(p, f"{name}_left"), getattr(p, f"{name}_done")
            self.holds(done == (left == 0), left < lengths(t)[name])
        self.holds(~p.wait_begins | (p.wait_length != 0), p.wait_length <= lengths(t)["wait"])
        waited = p.wait_done & ~p.wait_begins
        self.holds(implied(p.may_open, waited & p.open_done),
                   implied(p.may_close, waited & p.close_done & p.recovery_done),
                   implied(self.at("REFRESH"), p.batch_over == (p.left == 0)))
        p.wait_left = Mux(p.wait_begins, p.wait_length, p.wait_left)

        def counted(event, ages, left, clocks):
            self.holds(~event | (left + 1 >= clocks),
                       *(age + left + 1 >= clocks for age in ages), src_loc_at=1)

        counted(r.is_activate, r.activated, p.close_left, t.ras)
        counted(r.is_activate, r.activated, p.open_left, t.rc)
        counted(r.is_activate, [r.any_activated], p.open_left, t.rrd)
        counted(r.is_activate, r.activated, p.wait_left, t.rcd - 2)
        counted(r.is_precharge, r.precharged, p.wait_left, t.rp)
        counted(r.is_refresh, [r.refreshed], p.wait_left, t.rfc)
        counted(r.is_mode, [r.mode_set], p.wait_left, t.mrd)
        counted(r.is_read | r.is_write, [r.column_age], p.spacing_left, t.beats - 1)
        counted(r.is_write, r.written, p.recovery_left, t.beats - 1 + t.wr)
        counted(r.is_read, [], p.turnaround_left, t.cas_latency + t.beats)

    def _initialisation(self):
        p, r, t = self.peeks, self._rules, self._times
        begun = ~self.at("POWER_UP")
        counted = r.refreshes + r.is_refresh
        self.holds(
            implied(p.powered, r.waited == t.power_up),
            implied(~p.powered, (r.waited + p.power == t.power_up) & (p.power != 0)),
            implied(begun, p.powered & (r.closed | (r.is_precharge & r.all_banks))),
            implied(~begun, (counted == 0) & ~p.initialised & (r.refreshed == t.rfc)),
            implied(~p.initialised, r.mode_set == t.mrd),
            implied(~p.initialised, (r.column_age == t.beats) & ~r.is_read & ~r.is_write),
            implied(~p.initialised, self.at("POWER_UP", "REFRESH", "MODE")),
            implied(self.at("REFRESH") & ~p.initialised, counted + p.left == t.power_up_refreshes),
            implied(self.at("MODE"), (counted == t.power_up_refreshes) & ~p.initialised),
            implied(p.initialised, r.refreshes == t.power_up_refreshes),
            p.initialised == (r.initialised | r.is_mode),
            implied(~p.initialised, (p.opened == 0) & ~p.active & ~p.go & (p.open_left == 0)),
            p.state < len(STATES),
        )

    def _rows(self):
        """Which banks are open, and where the state machine knows it."""
        p, r, t = self.peeks, self._rules, self._times
        opened = Cat((r.opened[n] | r.opens(n)) & ~r.closes(n) for n in range(len(r.opened)))
        here, used = p.opened.bit_select(self._bank, 1), p.opened.bit_select(self._place, 1)
        in_use = p.active & ~self.at("REFRESH", "REOPEN")
        self.holds(
            p.opened == opened,
            implied(p.opened != 0, (r.refreshed == t.rfc) & ~r.is_refresh),
            implied(p.opened != 0, (r.mode_set == t.mrd) & ~r.is_mode),
            implied(self.at("COMPARE"), p.found_open == here),
            implied(self.at("READY", "CLOSE"), here), implied(self.at("OPEN"), ~here),
            implied(self.at("REFRESH", "MODE", "REOPEN", "POWER_UP"), p.opened == 0),
            implied(self.at("REFRESH") & p.initialised,
                    (p.left == t.refresh_batch) | (p.open_left == 0)),
            implied(self.at("REFRESH"), p.left <= Mux(p.initialised, t.refresh_batch,
                                                      t.power_up_refreshes)),
            implied(self.at("REOPEN"), p.open_left == 0),
            implied(self.at("REOPENING"), p.active), implied(in_use, used),
        )
        for n, age in enumerate(r.activated):
            settled = in_use & ~self.at("REOPENING") & (self._place == n)
            self.holds(implied(settled, age + 2 >= t.rcd),
                       implied(settled & p.go, age + 1 >= t.rcd),
                       implied(settled, ~r.opens(n)))

    def _columns(self):
        """Where the last command of a column went, and what a PRECHARGE must not cut off."""
        p, r, t = self.peeks, self._rules, self._times
        column = r.is_read | r.is_write
        last = Mux(column, r.bank, r.last_bank)
        clear = self.at("CLOSE") & p.clear
        self.holds(
            implied(p.go, p.active & ~column & (r.column_age + 1 >= t.beats)),
            implied(self.at("REFRESH", "MODE", "REOPEN", "REOPENING", "POWER_UP"), ~p.go),
            implied(p.active & p.started, last == self._place),
            implied(clear & (p.active | p.go), self._place != self._bank),
            implied(clear & (last == self._bank), ~column & (r.column_age + 1 >= t.beats)),
        )

    def _data(self):
        """Beats of a WRITE on their way, and the READs that it has to come after."""
        p, r, t = self.peeks, self._rules, self._times
        writing = p.go & p.write
        under_way = Mux(r.writing < t.beats, t.beats - 1 - r.writing, 0)
        self.holds(
            p.length_left == Mux(r.is_write, t.beats - 1, under_way),
            r.writing >= r.column_age,
            implied(r.driving, (r.reads == 0) & ~r.is_read),
            implied(writing, ~r.reads[:-1].any() & ~r.is_read),
        )
        for n in range(len(r.reads)):
            self.holds(implied(r.reads[n], p.turnaround_left + n + 2 >= len(r.reads)))
