"""The SDRAM controller: requests in, commands and beats out; all in the memory's clock domain."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .sdram_columns import ColumnMachine
from .sdram_gearbox import ReadGearbox, WriteGearbox
from .sdram_interfaces import Command, Geometry, PinSignature, request_layout
from .sdram_refresh import RefreshTimer
from .sdram_rows import RowMachine
from .sdram_splitter import SegmentSplitter

# Clocks from a command's decision (`go`) to its pins: command register, IO register; and from the
# chip's CAS latency to the gearbox: IO register.
PIN_CLOCKS = 3


class SdramController(Component):
    """Serves requests in order from one SDR SDRAM with open rows. Clock domain: `mem`.

    A word is a burst of `timing.beats` beats. Reads of one request and of requests that follow it
    come without a gap, over all rows, as long as `room` is high and no refresh is due. Latency:
    docs/sdram.md.

    Parameters
    ----------
    config : common.config.Config
        Its address_bits and word_bits.
    part : common.sdram_parts.SdramPart
    timing : common.sdram_parts.SdramTiming

    Members
    -------
    requests : In(stream of {write, address, words})
        `words` is at least 1, and 1 for a write.
    data : In(stream of word_bits)
        The words to write, one for each such request; it may come later than the request.
    words : Out(word_bits), words_valid : Out(1)
        What was read; no `ready`.
    room : In(1)
        While it is low no READ is issued; up to WORDS_UNDER_WAY words may still come.
    pins : Out(PinSignature)
        To the IO registers of sdram_pins.py.
    initialised : Out(1)
    """

    WORDS_UNDER_WAY = 8

    def __init__(self, config, part, timing):
        self._part, self._timing = part, timing
        self._geometry = Geometry(part, config.word_bits, config.address_bits)
        self._request = request_layout(config)
        super().__init__({
            "requests": In(stream.Signature(self._request)),
            "data": In(stream.Signature(config.word_bits)),
            "words": Out(config.word_bits), "words_valid": Out(1), "room": In(1),
            "pins": Out(PinSignature(part)), "initialised": Out(1),
        })

    def elaborate(self, _platform):
        m, geometry, timing = Module(), self._geometry, self._timing
        m.submodules.splitter = splitter = SegmentSplitter(geometry, self._request)
        m.submodules.rows = rows = RowMachine(geometry, timing)
        m.submodules.columns = columns = ColumnMachine(geometry, timing)
        m.submodules.refresh = refresh = RefreshTimer(timing.refresh_interval)
        connect(m, flipped(self.requests), splitter.i)
        connect(m, splitter.o, rows.i)
        m.d.comb += [
            columns.segment.eq(rows.segment), columns.load.eq(rows.load),
            columns.hold.eq(rows.hold), columns.room.eq(self.room),
            columns.data_valid.eq(self.data.valid),
            rows.due.eq(refresh.due), refresh.refreshing.eq(rows.refreshing),
            self.initialised.eq(rows.initialised),
        ]
        m.d.comb += [getattr(rows, name).eq(getattr(columns, name)) for name in
                     ("free", "active", "started", "place", "go", "quiet", "recovered")]
        self._issue(m, rows, columns)
        self._move_data(m, columns)
        return m

    def _issue(self, m, rows, columns):
        """One command a clock, through a register."""
        pins = self.pins
        column = Signal.like(self.pins.a)
        m.d.comb += [
            pins.cke.eq(1),
            column.eq(columns.column << self._geometry.beat_bits),
        ]
        m.d.mem += [
            pins.cs_n.eq(0),
            Cat(pins.ras_n, pins.cas_n, pins.we_n).eq(
                Mux(columns.go, Mux(columns.write, Command.WRITE, Command.READ), rows.command)),
            pins.ba.eq(Mux(columns.go, columns.place.bank, rows.bank)),
            pins.a.eq(Mux(columns.go, column, rows.address)),
            pins.dqm.eq((~rows.initialised).replicate(len(pins.dqm))),
        ]

    def _move_data(self, m, columns):
        geometry, pins = self._geometry, self.pins
        m.submodules.write_gearbox = write = WriteGearbox(geometry)
        latency = PIN_CLOCKS + self._timing.cas_latency
        m.submodules.read_gearbox = read = ReadGearbox(geometry, latency)
        writing = columns.go & columns.write
        m.d.comb += [
            write.start.eq(writing), write.word.eq(self.data.payload),
            self.data.ready.eq(writing),
            pins.dq_o.eq(write.beat), pins.dq_oe.eq(write.driving),
            read.start.eq(columns.go & ~columns.write), read.beat.eq(pins.dq_i),
            self.words.eq(read.word), self.words_valid.eq(read.valid),
        ]
