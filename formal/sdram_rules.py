"""What the data sheet of an SDR SDRAM allows at its pins, as assertions.

The rules know nothing of the controller: they see the pins and count clocks between commands
themselves, as sim/sdram_chip.py does in Python.
"""

from amaranth.hdl import Assert, Cat, Mux, Signal

from ..rtl.sdram_interfaces import Command
from .box import implies

BURST_CODES = {2: 1, 4: 2, 8: 3}  # mode register, A2..A0; A3 low: sequential


def since(m, event, most, name):
    """Clocks since `event`, from 1 in the clock after it; `most` is that many or more."""
    age = Signal(range(most + 1), init=most, name=name)
    with m.If(event):
        m.d.sync += age.eq(1)
    with m.Elif(age != most):
        m.d.sync += age.eq(age + 1)
    m.d.comb += Assert((age != 0) & (age <= most))
    return age


class SdramRules:
    """Asserts in module `m` what one chip asks of its `pins`, from the moment its clock runs.

    Parameters
    ----------
    pins : PinSignature
        Of one chip with its clock in `sync`; dq_i is not looked at.
    sheet : common.sdram_parts.SdramTiming
        The least distances of commands in clocks, initialisation, burst and CAS latency.

    Attributes
    ----------
    is_mode, is_refresh, is_precharge, is_activate, is_write, is_read : 1 bit
        The command of this clock.
    opened : 1 bit for each bank
    owed : Signal
        Clocks since the mode register was set, less an interval for each batch that has been made
        since, at least 0; an early batch gives no right to a late one.
    """

    def __init__(self, m, pins, sheet):
        self._m, self._pins, self._sheet = m, pins, sheet
        self._banks = range(1 << len(pins.ba))
        code = Cat(pins.ras_n, pins.cas_n, pins.we_n)
        for command in Command:
            setattr(self, f"is_{command.name.lower()}", ~pins.cs_n & (code == command))
        self.bank, self.all_banks = pins.ba, pins.a[10]
        self._watch()
        self._initialisation()
        self._rows()
        self._columns()
        self._data()

    def _of(self, command, bank):
        return command & (self._pins.ba == bank)

    def opens(self, bank):
        """ACTIVATE of `bank`, now."""
        return self._of(self.is_activate, bank)

    def closes(self, bank):
        """PRECHARGE of `bank` or of all, now."""
        return self.is_precharge & ((self._pins.ba == bank) | self.all_banks)

    def _watch(self):
        """Open rows, and the clocks since each command that a time of the sheet starts at."""
        m, t = self._m, self._sheet
        self.opened = Signal(len(self._banks))
        for bank in self._banks:
            with m.If(self.opens(bank)):
                m.d.sync += self.opened[bank].eq(1)
            with m.If(self.closes(bank)):
                m.d.sync += self.opened[bank].eq(0)
        self.activated = [since(m, self.opens(n), max(t.rc, t.ras, t.rcd),
                                 f"activated_{n}") for n in self._banks]
        self.precharged = [since(m, self.closes(n), t.rp, f"precharged_{n}")
                            for n in self._banks]
        self.written = [since(m, self._of(self.is_write, n), t.beats - 1 + t.wr, f"written_{n}")
                         for n in self._banks]
        self.any_activated = since(m, self.is_activate, t.rrd, "any_activated")
        self.refreshed = since(m, self.is_refresh, t.rfc, "refreshed")
        self.mode_set = since(m, self.is_mode, t.mrd, "mode_set")
        self.column_age = since(m, self.is_read | self.is_write, t.beats, "column_command")

    def _initialisation(self):
        """A wait, PRECHARGE of all banks, refreshes and the mode register come before all else."""
        m, t = self._m, self._sheet
        self.waited = waited = Signal(range(t.power_up + 1))
        self.refreshes = refreshes = Signal(range(t.power_up_refreshes + 1))
        self.closed = Signal()
        self.initialised = Signal()
        command = ~self._pins.cs_n & ~self.is_nop
        with m.If(waited != t.power_up):
            m.d.sync += waited.eq(waited + 1)
        with m.If(self.is_refresh & (refreshes != t.power_up_refreshes)):
            m.d.sync += refreshes.eq(refreshes + 1)
        m.d.sync += [self.closed.eq(self.closed | (self.is_precharge & self.all_banks)),
                     self.initialised.eq(self.initialised | self.is_mode)]
        ready = self.initialised & (refreshes == t.power_up_refreshes)
        mode = BURST_CODES[t.beats] | t.cas_latency << 4
        m.d.comb += [
            implies(command, waited == t.power_up),
            implies(self.is_refresh | self.is_mode, self.closed),
            implies(self.is_activate | self.is_read | self.is_write, ready),
            implies(self.is_mode, (self._pins.a == mode) & (self._pins.ba == 0)),
            implies(command, self.mode_set >= t.mrd),
            implies(command, self.refreshed >= t.rfc),
            implies(self.initialised, ~self._pins.dqm.any()),
            Assert(self._pins.cke),
        ]

    def _rows(self):
        """ACTIVATE of closed banks, REFRESH and MODE of a closed chip."""
        m, t = self._m, self._sheet
        m.d.comb += [
            implies(self.is_activate, self.any_activated >= t.rrd),
            implies(self.is_refresh | self.is_mode, self.opened == 0),
        ]
        for n in self._banks:
            opens, closes = self.opens(n), self.closes(n) & self.opened[n]
            m.d.comb += [
                implies(opens, ~self.opened[n]),
                implies(opens | self.is_refresh | self.is_mode, self.precharged[n] >= t.rp),
                implies(opens | self.is_refresh, self.activated[n] >= t.rc),
                implies(closes, self.activated[n] >= t.ras),
                implies(closes, self.written[n] >= t.beats - 1 + t.wr),
            ]

    def _columns(self):
        """READ and WRITE of open rows, whole bursts, and no PRECHARGE that cuts one off."""
        m, t, pins = self._m, self._sheet, self._pins
        column = self.is_read | self.is_write
        self.last_bank = Signal.like(pins.ba)
        aligned = pins.a[:t.beats.bit_length() - 1] == 0
        with m.If(column):
            m.d.sync += self.last_bank.eq(pins.ba)
        m.d.comb += [
            implies(column, ~pins.a[10] & aligned),
            implies(column, self.column_age >= t.beats),
        ]
        for n in self._banks:
            m.d.comb += [
                implies(column & (pins.ba == n), self.opened[n]),
                implies(column & (pins.ba == n), self.activated[n] >= t.rcd),
                # CAS latency - 1 clocks before its last beat at the earliest.
                implies(self.closes(n) & (self.last_bank == n),
                        self.column_age >= t.beats - t.cas_latency + 1),
            ]

    def _data(self):
        """Every beat of a WRITE is driven and nothing else; a clock lies between two drivers."""
        m, t = self._m, self._sheet
        self.reads = reads = Signal(t.cas_latency + t.beats)  # bit n: READ n + 1 clocks ago
        self.writing = since(m, self.is_write, t.beats, "writing")
        self.driving = self.is_write | (self.writing < t.beats)
        m.d.sync += reads.eq(Cat(self.is_read, reads))
        m.d.comb += [
            Assert(self._pins.dq_oe == self.driving),
            implies(reads[t.cas_latency - 2:].any(), ~self._pins.dq_oe),
        ]

    def refresh_in_time(self, late):
        """Asserts that batches are made in time.

        The last refresh of a batch comes at most an interval and `late` clocks after that of the
        batch before it, and the n-th at most n intervals and `late` after the mode register.
        """
        m, t = self._m, self._sheet
        most = t.refresh_interval + late
        self.owed = Signal(range(most + 2))
        self.count = Signal(range(t.refresh_batch))
        paid = self.is_refresh & self.initialised & (self.count == t.refresh_batch - 1)
        with m.If(self.is_refresh & self.initialised):
            m.d.sync += self.count.eq(Mux(paid, 0, self.count + 1))
        left = Mux(paid, Mux(self.owed < t.refresh_interval, 0, self.owed - t.refresh_interval),
                   self.owed)
        with m.If(self.initialised):
            m.d.sync += self.owed.eq(left + 1)
        m.d.comb += Assert(self.owed <= most)
