"""Brings the SDRAM up, refreshes it, and opens rows ahead of their use."""

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from .sdram_interfaces import PRECHARGE_ALL, Command, Countdown, countdown

BURST_CODES = {2: 1, 4: 2, 8: 3}  # mode register, A2..A0
CAS_PLACE = 4  # mode register, A6..A4


class RowMachine(Component):
    """Segments -> segments whose row is open; and every command but READ and WRITE.

    While the words of one segment pass, the row of the next is looked up, closed and opened in the
    clocks that `go` leaves free. Then the segment waits for its turn (`load`). All distances are
    counted from the last command of a kind to any bank, which is at least what the chip asks for;
    since ACTIVATE and the PRECHARGE before it belong to one segment at a time, nothing is lost.

    Refresh comes first wherever no command is under way: `hold` stops the columns, all banks are
    closed, `refresh_batch` refreshes follow, and the row that was in use is opened again.

    Parameters
    ----------
    geometry : sdram_interfaces.Geometry
    timing : common.sdram_parts.SdramTiming

    Members
    -------
    i : In(stream of segments)
    load : Out(1), segment : Out(layout of a segment)
        A pulse: `segment` begins. From it to its first command at the earliest: 2 clocks.
    hold : Out(1)
    free, active, started, place, go, quiet, recovered : In
        Of the ColumnMachine.
    command : Out(3), bank : Out, address : Out
        What to issue in this clock, where `go` is low; NOP for nothing.
    due : In(1), refreshing : Out(1)
        A batch of refreshes is wanted; a pulse: it has begun.
    initialised : Out(1)
    """

    def __init__(self, geometry, timing):
        self._geometry, self._timing = geometry, timing
        super().__init__({
            "i": In(stream.Signature(geometry.segment())),
            "load": Out(1), "segment": Out(geometry.segment()), "hold": Out(1),
            "free": In(1), "active": In(1), "started": In(1), "place": In(geometry.place()),
            "go": In(1), "quiet": In(1), "recovered": In(1),
            "command": Out(Command), "bank": Out(geometry.bank_bits),
            "address": Out(geometry.address_pins),
            "due": In(1), "refreshing": Out(1), "initialised": Out(1),
        })

    def elaborate(self, _platform):
        m, t = Module(), self._timing
        # Which command it is, without the way through its code; they end the longest paths.
        self._activates = Signal()
        self._closes = Signal()
        self._issued = Signal()
        self._wait_after_commands(m)
        self._timers(m)
        self._remember_rows(m)
        segment, waited, unused = self.segment, self._waited, ~self.go
        refreshes = max(t.refresh_batch, t.power_up_refreshes)
        left = Signal(range(refreshes + 1))  # refreshes of this batch
        over = Signal()  # none is left
        pending = Signal()  # a segment is in hand
        clear = Signal()  # PRECHARGE of the segment's bank cuts nothing off
        m.d.mem += clear.eq(Mux(self.active,
                                self.started & (self.place.bank != segment.place.bank),
                                self.quiet))
        m.d.comb += [self.bank.eq(segment.place.bank), self.command.eq(Command.NOP)]

        def may_issue(command):
            """In all of a state: which command it issues, if any."""
            m.d.mem += self._wait_length.eq(self._clocks_after[command] - 1)

        def issue(command):
            m.d.comb += [self.command.eq(command), self._issued.eq(1),
                         self._starts_wait.eq(self._clocks_after[command] > 1),
                         self._activates.eq(command == Command.ACTIVATE),
                         self._closes.eq(command == Command.PRECHARGE)]

        def resume():
            with m.If(pending):
                m.next = "LOOK"
            with m.Else():
                m.next = "IDLE"

        with m.FSM(domain="mem", name="rows") as fsm:
            m.d.comb += self.hold.eq(fsm.ongoing("DRAIN") | fsm.ongoing("REFRESH")
                                     | fsm.ongoing("MODE") | fsm.ongoing("REOPEN")
                                     | fsm.ongoing("REOPENING"))
            m.d.comb += self._opening.eq(fsm.ongoing("OPEN") | fsm.ongoing("REOPEN"))
            with m.State("POWER_UP"):
                m.d.mem += [left.eq(t.power_up_refreshes), over.eq(0)]
                m.d.comb += self.address.eq(PRECHARGE_ALL)
                may_issue(Command.PRECHARGE)
                with m.If(self._powered):
                    issue(Command.PRECHARGE)
                    m.next = "REFRESH"
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(~self.due)
                m.d.mem += [segment.eq(self.i.payload), pending.eq(self.i.valid & ~self.due)]
                with m.If(self.due):
                    m.next = "DRAIN"
                with m.Elif(self.i.valid):
                    m.next = "LOOK"
            with m.State("LOOK"):
                m.next = "COMPARE"
            with m.State("COMPARE"):
                with m.If(~self._found_open):
                    m.next = "OPEN"
                with m.Elif(self._found_row == segment.place.row):
                    m.next = "READY"
                with m.Else():
                    m.next = "CLOSE"
            with m.State("CLOSE"):
                may_issue(Command.PRECHARGE)
                with m.If(self.due):
                    m.next = "DRAIN"
                with m.Elif(clear & self._may_close & unused):
                    issue(Command.PRECHARGE)
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += self.address.eq(segment.place.row)
                may_issue(Command.ACTIVATE)
                with m.If(self._may_open & unused):
                    issue(Command.ACTIVATE)
                    m.next = "READY"
            with m.State("READY"):
                with m.If(waited & self.free):
                    m.d.comb += self.load.eq(1)
                    m.d.mem += pending.eq(0)
                    m.next = "IDLE"
                with m.Elif(self.due):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.mem += [left.eq(t.refresh_batch), over.eq(0)]
                m.d.comb += self.address.eq(PRECHARGE_ALL)
                may_issue(Command.PRECHARGE)
                with m.If(self._may_close & self.quiet):
                    issue(Command.PRECHARGE)
                    m.d.comb += self.refreshing.eq(1)
                    m.next = "REFRESH"
            with m.State("REFRESH"):
                may_issue(Command.REFRESH)
                with m.If(over):
                    with m.If(self.initialised):
                        m.next = "REOPEN"
                    with m.Else():
                        m.next = "MODE"
                with m.Elif(self._may_open):
                    issue(Command.REFRESH)
                    m.d.mem += [left.eq(left - 1), over.eq(left == 1)]
            with m.State("MODE"):
                m.d.comb += [self.address.eq(self._mode()), self.bank.eq(0)]
                may_issue(Command.MODE)
                with m.If(self._may_open):
                    issue(Command.MODE)
                    m.d.mem += self.initialised.eq(1)
                    m.next = "IDLE"
            with m.State("REOPEN"):
                m.d.comb += [self.address.eq(self.place.row), self.bank.eq(self.place.bank)]
                may_issue(Command.ACTIVATE)
                with m.If(~self.active):
                    resume()
                with m.Elif(self._may_open):
                    issue(Command.ACTIVATE)
                    m.next = "REOPENING"
            with m.State("REOPENING"):
                with m.If(waited):
                    resume()
        return m

    def _timers(self, m):
        """What is counted from ACTIVATE and from power-up; and what may be issued, once it may: a
        register, and so a clock late, but never after another command."""
        t = self._timing
        close = countdown(m, "close_timer", self._activates, t.ras)
        open_ = countdown(m, "open_timer", self._activates, max(t.rc, t.rrd))
        self._may_close = Signal()
        self._may_open = Signal()
        may = self._waited & ~self._issued
        m.d.mem += [self._may_close.eq(may & close & self.recovered),
                    self._may_open.eq(may & open_)]
        power = Signal(range(t.power_up + 1), init=t.power_up)
        self._powered = Signal()
        m.d.mem += [power.eq(power - 1), self._powered.eq(self._powered | (power == 1))]

    def _wait_after_commands(self, m):
        """`_waited`: the clocks that the last command takes have passed.

        They are counted from a clock after it and from registers; the command itself comes last in
        its clock.
        """
        t = self._timing
        # Until the next command; an open row is used 2 clocks after `load` at the earliest
        self._clocks_after = {Command.PRECHARGE: t.rp, Command.ACTIVATE: max(t.rcd - 2, 1),
                              Command.REFRESH: t.rfc, Command.MODE: t.mrd}
        most = max(self._clocks_after.values())
        self._starts_wait = Signal()
        self._wait_length = Signal(range(most))
        wait_begins = Signal()
        m.submodules.wait = wait = Countdown(most - 1)
        m.d.mem += wait_begins.eq(self._starts_wait)
        m.d.comb += [wait.start.eq(wait_begins), wait.clocks.eq(self._wait_length)]
        self._waited = Signal()
        m.d.comb += self._waited.eq(wait.done & ~wait_begins)

    def _remember_rows(self, m):
        """Which row of each bank is open; what is found of the segment's bank is a clock old."""
        banks = 1 << self._geometry.bank_bits
        opened = Signal(banks)
        rows = Array(Signal(self._geometry.row_bits, name=f"row_{n}", reset_less=True)
                     for n in range(banks))
        self._found_open = Signal()
        self._found_row = Signal(self._geometry.row_bits, reset_less=True)
        self._opening = Signal()  # `address` is the row that is opened next
        m.d.mem += [
            self._found_open.eq(opened.bit_select(self.segment.place.bank, 1)),
            self._found_row.eq(rows[self.segment.place.bank]),
        ]
        for bank in range(banks):
            with m.If(self.bank == bank):
                with m.If(self._activates):
                    m.d.mem += opened[bank].eq(1)
                with m.If(self._opening):  # the command may not come yet, but its bank is closed
                    m.d.mem += rows[bank].eq(self.address)
        with m.If(self._closes):
            m.d.mem += opened.eq(opened & ~(Const(1, banks) << self.bank))
            with m.If(self.address[10]):
                m.d.mem += opened.eq(0)

    def _mode(self):
        """Sequential bursts of `beats` for reads and writes."""
        return BURST_CODES[self._timing.beats] | self._timing.cas_latency << CAS_PLACE
