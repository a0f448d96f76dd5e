"""Asynchronous serial line, 8 data bits, no parity, one stop bit."""

from math import gcd

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .block_fifo import BlockFifo

MIN_CLOCKS_PER_BIT = 4
FRAME_BITS = 10  # start, 8 data, stop


def check_rates(clock_hz, baud):
    """ValueError unless a bit has enough clocks."""
    if clock_hz < MIN_CLOCKS_PER_BIT * baud:
        raise ValueError(f"{baud} baud at {clock_hz} Hz leaves less than "
                         f"{MIN_CLOCKS_PER_BIT} clocks a bit")


class BitClock(Component):
    """Ticks `baud` times a second on average, to within one clock, whatever `clock_hz` is.

    A phase in units of 1/lcm of both rates is advanced by `baud` a clock and taken modulo
    `clock_hz`, so the rate has no rounding error: 50 MHz gives exactly 3 Mbaud.

    Parameters
    ----------
    clock_hz, baud : int

    Members
    -------
    halfway : In(1)
        Restart so that the next tick comes half a bit from now.
    restart : In(1)
        Restart so that the next tick comes a whole bit from now.
    tick : Out(1)
    """

    halfway: In(1)
    restart: In(1)
    tick: Out(1)

    def __init__(self, *, clock_hz, baud):
        check_rates(clock_hz, baud)
        divisor = gcd(clock_hz, baud)
        self.modulus, self.step = clock_hz // divisor, baud // divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        phase = Signal(range(self.modulus))
        m.d.comb += self.tick.eq(phase >= self.modulus - self.step)
        with m.If(self.halfway):
            m.d.sync += phase.eq(self.modulus // 2)
        with m.Elif(self.restart):
            m.d.sync += phase.eq(0)
        with m.Elif(self.tick):
            m.d.sync += phase.eq(phase - (self.modulus - self.step))
        with m.Else():
            m.d.sync += phase.eq(phase + self.step)
        return m


class UARTReceiver(Component):
    """Bits of the line to bytes, each bit sampled once in its middle.

    A byte without a stop bit is dropped, and the line has to go high before the next one.

    Members
    -------
    rx : In(1)
        The pin, asynchronous to the clock.
    data : Out(8), valid : Out(1)
        One clock a byte; it cannot be stalled. 9.5 bits and 3 clocks after the start bit began.
    """

    rx: In(1, init=1)
    data: Out(8)
    valid: Out(1)

    def __init__(self, *, clock_hz, baud):
        self._rates = dict(clock_hz=clock_hz, baud=baud)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.bit_clock = bit_clock = BitClock(**self._rates)
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        bits = Signal(range(FRAME_BITS))
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += bit_clock.halfway.eq(1)
                m.d.sync += bits.eq(0)
                with m.If(~line):
                    m.next = "FRAME"
            with m.State("FRAME"):
                with m.If(bit_clock.tick):
                    m.d.sync += bits.eq(bits + 1)
                    with m.If((bits == 0) & line):  # a glitch, no start bit
                        m.next = "IDLE"
                    with m.Elif(bits == FRAME_BITS - 1):
                        m.d.comb += self.valid.eq(line)
                        with m.If(line):
                            m.next = "IDLE"  # at once: a fast sender's start bit comes early
                        with m.Else():
                            m.next = "RELEASE"
                    with m.Else():
                        m.d.sync += self.data.eq(Cat(self.data[1:], line))
            with m.State("RELEASE"):
                m.d.comb += bit_clock.halfway.eq(1)
                with m.If(line):
                    m.next = "IDLE"
        return m


class UARTTransmitter(Component):
    """Bytes to bits of the line, back to back while there are any.

    Members
    -------
    i : In(stream of 8 bits)
    tx : Out(1)
        The pin, straight from a register.
    """

    i: In(stream.Signature(8))
    tx: Out(1, init=1)

    def __init__(self, *, clock_hz, baud):
        self._rates = dict(clock_hz=clock_hz, baud=baud)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.bit_clock = bit_clock = BitClock(**self._rates)
        bits = Signal(range(FRAME_BITS + 1))  # still to finish
        later = Signal(FRAME_BITS - 1, init=-1)
        m.d.comb += [
            self.i.ready.eq((bits == 0) | ((bits == 1) & bit_clock.tick)),
            bit_clock.restart.eq(bits == 0),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.tx.eq(0),
                later.eq(Cat(self.i.payload, 1)),
                bits.eq(FRAME_BITS),
            ]
        with m.Elif(bit_clock.tick & (bits != 0)):
            m.d.sync += [
                Cat(self.tx, later).eq(Cat(later, 1)),
                bits.eq(bits - 1),
            ]
        return m


class UART(Component):
    """Both directions of a serial line, with a FIFO for what is received.

    Parameters
    ----------
    clock_hz, baud : int
        At least 4 clocks a bit.
    depth : int
        Bytes of the receive FIFO; a byte that finds it full is lost, and with it the frame.

    Members
    -------
    rx : In(1), tx : Out(1)
        The pins.
    i : In(stream of 8 bits)
        Bytes to send.
    o : Out(stream of 8 bits)
        Bytes received.
    """

    rx: In(1, init=1)
    tx: Out(1, init=1)
    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, *, clock_hz, baud, depth=64):
        check_rates(clock_hz, baud)
        self._rates = dict(clock_hz=clock_hz, baud=baud)
        self._depth = depth
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UARTReceiver(**self._rates)
        m.submodules.transmitter = transmitter = UARTTransmitter(**self._rates)
        m.submodules.received = received = BlockFifo(8, self._depth)
        connect(m, flipped(self.i), transmitter.i)
        connect(m, received.o, flipped(self.o))
        m.d.comb += [
            self.tx.eq(transmitter.tx),
            receiver.rx.eq(self.rx),
            received.i.payload.eq(receiver.data),
            received.i.valid.eq(receiver.valid),
        ]
        return m
