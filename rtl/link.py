"""The link: from the pins of the serial line to the memory and the accelerator."""

from math import ceil

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.link import GAP_SECONDS
from .control import Control
from .frames import FrameBuilder, FrameParser, header_layout
from .interfaces import MachineSignature, MemorySignature
from .reset_chain import ResetChain
from .stream_buffer import StreamBuffer
from .uart import UART


class Link(Component):
    """UART, FrameParser, Control and FrameBuilder in a row.

    Parameters
    ----------
    config : Config
    gap_clocks, poll_clocks : int
        Waiting times of FrameParser and Control; by default those of common.link.

    Members
    -------
    rx : In(1), tx : Out(1)
        Pins.
    memory : Out(MemorySignature)
        Used only while `open` is low and the machine is not busy.
    machine : Out(MachineSignature)
    open : Out(1)
        A run is open: the accelerator has the memory.
    active : Out(1)
        The link waits for more of a frame or executes a request: a clock must keep running.
    """

    def __init__(self, config, *, gap_clocks=None, poll_clocks=None):
        self._config = config
        self._gap_clocks = gap_clocks or ceil(config.clock_hz * GAP_SECONDS)
        self._poll_clocks = poll_clocks
        super().__init__({
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "memory": Out(MemorySignature(config)),
            "machine": Out(MachineSignature()),
            "open": Out(1),
            "active": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart = uart = UART(clock_hz=self._config.clock_hz, baud=self._config.baud)
        m.submodules.parser = parser = FrameParser(gap_clocks=self._gap_clocks)
        control = Control(self._config, poll_clocks=self._poll_clocks)
        ResetChain(m, 1).add("control", control)
        m.submodules.builder = builder = FrameBuilder()
        connect(m, uart.o, parser.i)
        connect(m, control.responses, builder.headers)
        # Where `valid` or `ready` would otherwise come from far away
        m.submodules.request = request = StreamBuffer(header_layout)
        m.submodules.asked = asked = StreamBuffer(8)
        m.submodules.answered = answered = StreamBuffer(8)
        m.submodules.sending = sending = StreamBuffer(8)
        connect(m, parser.headers, request.i)
        connect(m, request.o, control.requests)
        connect(m, parser.payload, asked.i)
        connect(m, asked.o, control.request_bytes)
        connect(m, control.response_bytes, answered.i)
        connect(m, answered.o, builder.payload)
        connect(m, builder.o, sending.i)
        connect(m, sending.o, uart.i)
        connect(m, control.memory, flipped(self.memory))
        connect(m, control.machine, flipped(self.machine))
        m.d.comb += [
            uart.rx.eq(self.rx),
            self.tx.eq(uart.tx),
            self.open.eq(control.open),
            self.active.eq(parser.active | request.o.valid | control.active
                           | answered.o.valid | sending.o.valid),
        ]
        return m
