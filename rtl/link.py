"""The link: from the pins of the serial line to the memory and the accelerator."""

from functools import reduce
from math import ceil
from operator import or_

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
        super().__init__(self.carrier_ports() | {
            "memory": Out(MemorySignature(config)),
            "machine": Out(MachineSignature()),
            "open": Out(1),
            "active": Out(1),
        })

    def carrier_ports(self):
        """Ports of what carries the bytes."""
        return {"rx": In(1, init=1), "tx": Out(1, init=1)}

    def build_carrier(self, m):
        """What carries the bytes: an object with the streams `o`, received, and `i`, to be sent."""
        m.submodules.uart = UART(clock_hz=self._config.clock_hz, baud=self._config.baud)
        return m.submodules.uart

    def connect_requests(self, m, carrier, requests, control):
        """What Control is asked; a carrier may have something to say."""
        connect(m, requests, control.requests)

    def connect_memory(self, m, carrier, control):
        """The memory, which a carrier may use, too."""
        connect(m, control.memory, flipped(self.memory))

    def active_of(self, carrier):
        """What else makes the link active."""
        return ()

    def connect_carrier(self, m, carrier, control):
        """Whatever else it has."""
        m.d.comb += [carrier.rx.eq(self.rx), self.tx.eq(carrier.tx)]

    def elaborate(self, platform):
        m = Module()
        carrier = self.build_carrier(m)
        m.submodules.parser = parser = FrameParser(gap_clocks=self._gap_clocks)
        control = Control(self._config, poll_clocks=self._poll_clocks)
        ResetChain(m, 1).add("control", control)
        m.submodules.builder = builder = FrameBuilder()
        connect(m, carrier.o, parser.i)
        connect(m, control.responses, builder.headers)
        # Where `valid` or `ready` would otherwise come from far away
        m.submodules.request = request = StreamBuffer(header_layout)
        m.submodules.asked = asked = StreamBuffer(8)
        m.submodules.answered = answered = StreamBuffer(8)
        m.submodules.sending = sending = StreamBuffer(8)
        connect(m, parser.headers, request.i)
        self.connect_requests(m, carrier, request.o, control)
        connect(m, parser.payload, asked.i)
        connect(m, asked.o, control.request_bytes)
        connect(m, control.response_bytes, answered.i)
        connect(m, answered.o, builder.payload)
        connect(m, builder.o, sending.i)
        connect(m, sending.o, carrier.i)
        self.connect_memory(m, carrier, control)
        connect(m, control.machine, flipped(self.machine))
        self.connect_carrier(m, carrier, control)
        m.d.comb += [
            self.open.eq(control.open),
            self.active.eq(reduce(or_, (
                parser.active, request.o.valid, control.active, answered.o.valid,
                sending.o.valid, *self.active_of(carrier)))),
        ]
        return m
