"""A pin-level model of an SDR SDRAM chip that fails on the first thing its data sheet forbids.

    chip = SdramChip(part, clock_hz=133_000_000)
    beat = chip.edge(command, bank, address, data, driven)     # once a rising edge of its clock

`attach` gives one to a cocotb testbench; sim/board/sdram.hpp is the same in C++. Distances are
checked in nanoseconds, against the times of the data sheet and not against the controller's clocks.
"""

from collections import deque
from fractions import Fraction

from ..common.sdram_parts import GIGA
from ..rtl.sdram_interfaces import Command

BURSTS = {1: 2, 2: 4, 3: 8}  # mode register, A2..A0
POSTPONED = 16  # average refresh intervals by which a refresh may be late
A10 = 1 << 10


class SdramViolation(AssertionError):
    """One line: rule, bank, clock, what the data sheet asks for, what was found."""


class Bank:
    """Open row and the clocks of the last commands of one bank."""

    def __init__(self):
        self.row = None
        self.activated = self.precharged = self.read = self.written = None


class SdramChip:
    """State of one part, from the moment its clock runs.

    Parameters
    ----------
    part : common.sdram_parts.SdramPart
    clock_hz : int
        Rate of the chip's clock.

    Members
    -------
    store : dict
        Beats that have been written, by (row * banks + bank) * columns + column.
    commands : dict
        How often each Command came.
    """

    def __init__(self, part, clock_hz):
        self.part, self.clock_hz = part, clock_hz
        self.banks = [Bank() for _ in range(part.banks)]
        self.store, self.clock = {}, 0
        self.cas_latency = self.burst = None
        self.commands = dict.fromkeys(Command, 0)
        self.refreshes = deque(maxlen=part.rows)  # clocks of the last ones
        self.refreshed = self.mode_set = self.activated = None
        self.refresh_count, self.initialised = 0, False
        self.column = None  # (READ or WRITE, bank, place of the first beat, clock)
        self.output = {}  # clock of the edge -> beat
        self.bus_free = 0  # the clock from which a WRITE may come
        self._actions = {c: getattr(self, f"_{c.name.lower()}") for c in Command
                         if c is not Command.NOP}

    @property
    def interval(self):
        """Clocks in which one row is refreshed, on average."""
        return Fraction(self.part.refresh_ns * self.clock_hz, GIGA * self.part.rows)

    def fail(self, rule, bank, required, found):
        where = "" if bank is None else f" bank {bank}"
        raise SdramViolation(f"{self.part.name}: {rule}{where} at clock {self.clock}: "
                             f"required {required}, found {found}")

    def apart(self, rule, bank, since, time, least=0):
        """At least `time` ns and `least` clocks since the clock `since`, if there is one."""
        if since is None:
            return
        found = self.clock - since
        required = max(-(-Fraction(time) * self.clock_hz // GIGA), least)
        if found < required:
            self.fail(rule, bank, f"{required} clocks ({float(time):g} ns)", f"{found}")

    def edge(self, command, bank=0, address=0, data=0, driven=False, mask=False):
        """One rising edge with what is on the pins; returns the beat on dq, None when released.

        `data` counts while `driven`; `mask` stands for all of dqm.
        """
        if command != Command.NOP:
            if command not in self._actions:
                self.fail("command", None, "a known one", command)
            command = Command(command)
            self.commands[command] += 1
            self._order(command)
            self._actions[command](bank, address)
        self._take(data, driven, mask)
        if not self.clock & 63:
            self._refresh_in_time()
        beat = self.output.pop(self.clock, None)
        if beat is not None and driven:
            self.fail("dq contention", None, "one driver", "two")
        self.clock += 1
        return beat

    def _order(self, command):
        """Power-up, precharge of all banks, refreshes and mode register come before the rest."""
        part = self.part
        if not self.initialised:
            self.apart("power-up wait", None, 0, part.power_up_ns)
        self.apart("tMRD", None, self.mode_set, 0, part.mrd_clocks)
        self.apart("tRFC", None, self.refreshed, part.t_rfc)
        if self.initialised:
            return
        if command is not Command.PRECHARGE and any(b.precharged is None for b in self.banks):
            self.fail("initialisation", None, "PRECHARGE of all banks first", command.name)
        if command in (Command.ACTIVATE, Command.READ, Command.WRITE):
            if self.refresh_count < part.power_up_refreshes:
                self.fail("initialisation", None, f"{part.power_up_refreshes} refreshes",
                          f"{self.refresh_count}")
            if self.mode_set is None:
                self.fail("initialisation", None, "mode register set", command.name)
            self.initialised = True

    def _all_closed(self, rule):
        for number, bank in enumerate(self.banks):
            if bank.row is not None:
                self.fail(rule, number, "every bank precharged", f"row {bank.row} open")
            self.apart("tRP", number, bank.precharged, self.part.t_rp)

    def _mode(self, _bank, address):
        self._all_closed("mode register")
        self.cas_latency, self.burst = address >> 4 & 7, BURSTS.get(address & 7)
        shortest = dict(self.part.cas).get(self.cas_latency)
        if self.burst is None or address & 0x388 or shortest is None:
            self.fail("mode register", None, "sequential bursts of 2, 4 or 8 and a CAS latency of "
                      "the part", f"{address:#x}")
        if self.clock_hz * shortest > GIGA:
            self.fail("CAS latency", None, f"{float(shortest):g} ns a clock for "
                      f"{self.cas_latency}", f"{GIGA / self.clock_hz:.4g} ns")
        self.mode_set = self.clock

    def _refresh(self, _bank, _address):
        self._all_closed("REFRESH")
        for number, bank in enumerate(self.banks):
            self.apart("tRC", number, bank.activated, self.part.t_rc)
        if len(self.refreshes) == self.part.rows:
            found = self.clock - self.refreshes[0]
            most = self.part.refresh_ns * self.clock_hz // GIGA
            if found > most:
                self.fail("refresh period", None, f"each row within {most} clocks", found)
        self.refreshes.append(self.clock)
        self.refreshed = self.clock
        self.refresh_count += 1

    def _refresh_in_time(self):
        """Since the mode register was set, refreshes keep pace with the average."""
        if self.mode_set is None:
            return
        due = (self.clock - self.mode_set) // self.interval - POSTPONED
        made = self.refresh_count
        if made < due:
            self.fail("refresh interval", None, f"{due} refreshes", made)

    def _activate(self, number, address):
        bank, part = self.banks[number], self.part
        if bank.row is not None:
            self.fail("ACTIVATE", number, "a closed bank", f"row {bank.row} open")
        self.apart("tRP", number, bank.precharged, part.t_rp)
        self.apart("tRC", number, bank.activated, part.t_rc)
        self.apart("tRRD", number, self.activated, part.t_rrd, part.rrd_clocks)
        bank.row, bank.activated, self.activated = address % part.rows, self.clock, self.clock

    def _precharge(self, number, address):
        for n in range(self.part.banks) if address & A10 else (number,):
            self._close(n)

    def _close(self, number):
        bank, part = self.banks[number], self.part
        if bank.row is not None:
            self.apart("tRAS", number, bank.activated, part.t_ras)
            open_ns = Fraction((self.clock - bank.activated) * GIGA, self.clock_hz)
            if open_ns > part.t_ras_most:
                self.fail("tRAS most", number, f"{part.t_ras_most} ns", f"{float(open_ns):g} ns")
            if bank.written is not None:
                self.apart("tWR", number, bank.written + self.burst - 1, part.t_wr,
                           part.wr_clocks)
            if bank.read is not None:
                # CAS latency - 1 clocks before the last beat, or that beat is lost.
                required = self.burst - self.cas_latency + 1
                if self.clock - bank.read < required:
                    self.fail("PRECHARGE cuts a READ", number, f"{required} clocks",
                              self.clock - bank.read)
        bank.row = bank.read = bank.written = None
        bank.precharged = self.clock

    def _column(self, command, number, address):
        bank, part = self.banks[number], self.part
        if bank.row is None:
            self.fail(command.name, number, "an open row", "none")
        self.apart("tRCD", number, bank.activated, part.t_rcd)
        if self.column and self.clock - self.column[3] < self.burst:
            self.fail(f"{command.name} cuts a burst", number, f"{self.burst} clocks",
                      self.clock - self.column[3])
        if address & A10:
            self.fail(command.name, number, "A10 low: no auto-precharge", "A10 high")
        column = address % part.columns
        if column % self.burst:
            self.fail(command.name, number, "a burst at its own boundary", f"column {column}")
        place = (bank.row * part.banks + number) * part.columns + column
        self.column = (command, number, place, self.clock)

    def _read(self, number, address):
        self._column(Command.READ, number, address)
        self.banks[number].read = self.clock
        place = self.column[2]
        # The bus rests for a clock between two drivers.
        self.bus_free = self.clock + self.cas_latency + self.burst + 1
        for n in range(self.burst):
            self.output[self.clock + self.cas_latency + n] = self.store.get(place + n, 0)

    def _write(self, number, address):
        if self.clock < self.bus_free:
            self.fail("WRITE after READ", number, f"clock {self.bus_free}", self.clock)
        self._column(Command.WRITE, number, address)
        self.banks[number].written = self.clock

    def _take(self, data, driven, mask):
        """The beat of a WRITE under way."""
        if self.column is None or self.column[0] is not Command.WRITE:
            if driven:
                self.fail("dq", None, "released outside of a write", "driven")
            return
        _, bank, place, start = self.column
        beat = self.clock - start
        if beat < self.burst:
            if not driven:
                self.fail("dq", bank, f"beat {beat} of a write", "released")
            if mask:
                self.fail("dqm", bank, "low", "high")
            self.store[place + beat] = data
        elif driven:
            self.fail("dq", None, "released outside of a write", "driven")


def numbers(part):
    """The part as sim/board/sdram.hpp reads it: name and numbers, times in picoseconds."""
    ps = [int(1000 * time) for time in (part.t_rcd, part.t_rp, part.t_ras, part.t_ras_most,
                                        part.t_rc, part.t_rrd, part.t_wr, part.t_rfc)]
    cas = dict(part.cas)
    values = [part.banks, part.rows, part.columns, part.data_bits, *ps, part.rrd_clocks,
              part.wr_clocks, part.mrd_clocks, 1000 * part.refresh_ns, 1000 * part.power_up_ns,
              part.power_up_refreshes, *(int(1000 * cas.get(n, 0)) for n in (2, 3))]
    return ",".join([part.name, *map(str, values)])


def attach(dut, part, clock_hz, contents=None, prefix="chip"):
    """Starts a SdramChip on a cocotb `dut` with the ports of ChipSignature; returns it.

    While the chip releases dq, something else than data is there. Its clock is the input from which
    the port `clk` comes: an output would be seen only after the registers have changed.
    """
    import random

    import cocotb
    from cocotb.triggers import RisingEdge

    chip, noise = SdramChip(part, clock_hz), random.Random(3)
    chip.store.update(contents or {})
    port = {name: getattr(dut, f"{prefix}__{name}") for name in (
        "cs_n", "ras_n", "cas_n", "we_n", "ba", "a", "dqm", "dq_o", "dq_oe", "dq_i", "cke")}

    async def serve():
        edge = RisingEdge(dut.mem_clk if hasattr(dut, "mem_clk") else dut.clk)
        ras, cas, we, driven, dq = (port[n] for n in ("ras_n", "cas_n", "we_n", "dq_oe", "dq_i"))
        released = True
        while True:
            await edge
            command = int(ras.value) | int(cas.value) << 1 | int(we.value) << 2
            if command == Command.NOP or port["cs_n"].value:
                chip.edge(Command.NOP, data=int(port["dq_o"].value) if driven.value else 0,
                          driven=bool(driven.value), mask=bool(port["dqm"].value))
            else:
                assert port["cke"].value, "the chip's clock is not enabled"
                chip.edge(command, int(port["ba"].value), int(port["a"].value),
                          int(port["dq_o"].value), bool(driven.value), bool(port["dqm"].value))
            beat = chip.output.get(chip.clock)
            if beat is not None or not released:
                dq.value = noise.getrandbits(part.data_bits) if beat is None else beat
            released = beat is None

    cocotb.start_soon(serve())
    return chip
