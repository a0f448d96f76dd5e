"""A machine on its board: clocks, reset, lamps, serial line, memory."""

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Module, Signal
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.io import Buffer
from amaranth.lib.wiring import Component, In, Out, connect

from ..rtl.sdram import SdramMemory
from ..rtl.sdram_pins import BoardPins
from ..rtl.top import Top
from .pll import Clock, Pll

BREAK_SECONDS = 0.05  # the longest byte, at 9,600 baud, takes 1 ms


class BreakDetector(Component):
    """Sees when the serial line is held low for longer than any byte: a break, or a button on it.

    It runs from the board's own clock, so that it works while everything else is in reset.

    Parameters
    ----------
    hz : int
        Of the domain `board`.

    Members
    -------
    rx : In(1)
        Asynchronous.
    found : Out(1)
        From `BREAK_SECONDS` after the line went low until it is high again.
    """

    rx: In(1, init=1)
    found: Out(1)

    def __init__(self, hz):
        self._clocks = round(hz * BREAK_SECONDS)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        count = Signal(range(self._clocks + 1))
        m.submodules.line = FFSynchronizer(self.rx, line, init=1, o_domain="board")
        m.d.board += self.found.eq(count == self._clocks)
        with m.If(line):
            m.d.board += count.eq(0)
        with m.Elif(count != self._clocks):
            m.d.board += count.eq(count + 1)
        return m


class BoardMachine(Elaboratable):
    """What a bitstream holds.

    Domains: `board` from the oscillator, without reset; from the PLL `sync` of the machine, `mem`
    of the SDRAM controller and its pins, `mem_pin` of the clock that the chip gets.
    Reset: until the PLL has locked, while the board's button is held, and by a break of the serial
    line.

    Parameters
    ----------
    board : Board
    """

    def __init__(self, board):
        self.board, self.config = board, board.config

    @property
    def clocks(self):
        """Clocks of the PLL, that of the machine first."""
        memory, clocks = self.board.memory, [Clock("sync", self.config.clock_hz)]
        if memory:
            clocks += [Clock("mem", memory.hz), Clock("mem_pin", memory.hz, memory.phase)]
        return clocks

    def elaborate(self, platform):
        m = Module()
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = Buffer("i", uart.rx)
        m.submodules.tx = tx = Buffer("o", uart.tx)
        self._build_clocks(m, platform, rx.i)
        m.submodules.top = top = Top(self.config, self.board.contents)
        if self.board.memory:
            self._build_memory(m, platform, top.memory)
        m.d.comb += [top.uart__rx.eq(rx.i), tx.o.eq(top.uart__tx)]
        self._build_lamps(m, platform, ready=top.status_ready, busy=top.busy,
                          error=top.status_error)
        return m

    def _build_memory(self, m, platform, port):
        use = self.board.memory.use
        m.submodules.memory = memory = SdramMemory(self.config, use, crossing=True)
        m.submodules.pins = pins = BoardPins(use.part, platform.request("sdram", dir="-"),
                                             clock_domain="mem_pin")
        connect(m, port, memory.memory)
        connect(m, memory.pins, pins.controller)

    def _build_lamps(self, m, platform, **lamps):
        resources = {}  # one may hold several lamps
        for name, value in lamps.items():
            lamp = getattr(self.board, name)
            key = lamp.resource, lamp.number
            if key not in resources:
                resources[key] = platform.request(*key, dir="-")
            port = resources[key]
            m.submodules[name] = buffer = Buffer(
                "o", getattr(port, lamp.member) if lamp.member else port)
            m.d.sync += buffer.o.eq(value)

    def _build_clocks(self, m, platform, rx):
        oscillator, hz = platform.default_clk, round(platform.default_clk_frequency)
        m.submodules.oscillator = clock = Buffer("i", platform.request(oscillator, dir="-"))
        m.domains += ClockDomain("board", reset_less=True)
        m.d.comb += ClockSignal("board").eq(clock.i)
        m.submodules.breaks = breaks = BreakDetector(hz)
        m.domains += [ClockDomain(clock.domain) for clock in self.clocks]
        m.submodules.pll = pll = Pll(hz, self.clocks)
        m.d.comb += [breaks.rx.eq(rx), pll.source.eq(clock.i), pll.reset.eq(breaks.found)]
        if self.board.reset:
            m.submodules.button = button = Buffer("i", platform.request(self.board.reset, dir="-"))
            m.d.comb += pll.reset.eq(breaks.found | button.i)
