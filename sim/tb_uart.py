"""UART: bits on the pins against bytes on the streams, at rates that are not quite the same."""

import random
from fractions import Fraction

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from .streams import StreamSink, StreamSource, parameters, start

BYTES = 60


async def begin(dut):
    """The line rests before the clock starts: a low level would be a start bit."""
    dut.rx.value = 1
    await start(dut)


class Line:
    """Both ends of the serial line, at `factor` times the nominal length of a bit."""

    def __init__(self, dut, factor=1):
        rates = parameters()
        self.dut = dut
        self.bit = Fraction(rates["clock_hz"], rates["baud"]) * Fraction(factor)
        self.heard = []
        self.now = 0
        cocotb.start_soon(self._listen())

    async def hold(self, level, bits, begun):
        """`level` for `bits` bits, which began at time `begun` in clocks; when they end."""
        end = begun + bits * self.bit
        self.dut.rx.value = level
        clocks = round(end) - self.now
        self.now += clocks
        await ClockCycles(self.dut.clk, clocks)
        return end

    async def say(self, octets, generator=None, idle=0):
        """Send bytes; between them, with a probability of `idle`, rest for some clocks."""
        end = Fraction(self.now)
        for octet in octets:
            for level in (0, *(octet >> n & 1 for n in range(8)), 1):
                end = await self.hold(level, 1, end)
            if generator and generator.random() < idle:
                rest = generator.randrange(1, 40)
                self.now += rest
                end = Fraction(self.now)
                await ClockCycles(self.dut.clk, rest)

    async def _listen(self):
        edge = RisingEdge(self.dut.clk)
        while True:
            await edge
            if self.dut.tx.value:
                continue
            clock, octet = 0, 0
            for n in range(10):
                middle = int((n + Fraction(1, 2)) * self.bit)
                if middle > clock:
                    await ClockCycles(self.dut.clk, middle - clock)
                clock = middle
                level = int(self.dut.tx.value)
                assert n != 0 or not level, "the start bit ended early"
                assert n != 9 or level, "there is no stop bit"
                octet |= level << n
            self.heard.append(octet >> 1 & 0xFF)


@cocotb.test
@cocotb.parametrize(sign=[0, -1, 1], idle=[0, 0.5])
async def bytes_are_received_at_a_rate_slightly_off(dut, sign, idle):
    await begin(dut)
    line = Line(dut, 1 + sign * Fraction(parameters()["tolerance"]))
    sink = StreamSink(dut, "o", stall=0.3)
    generator = random.Random(3)
    octets = [0x00, 0xFF, 0x55, 0xAA, *generator.randbytes(BYTES)]
    await line.say(octets, generator, idle)
    await sink.expect(octets)
    await sink.quiet(20)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.9])
async def bytes_are_sent(dut, idle):
    await begin(dut)
    line, source = Line(dut), StreamSource(dut, "i", idle=idle)
    octets = [0x00, 0xFF, 0x55, 0xAA, *random.Random(4).randbytes(BYTES)]
    source.send(*octets)
    await source.drained()
    await ClockCycles(dut.clk, int(12 * line.bit))
    assert line.heard == octets


@cocotb.test
async def bytes_are_sent_back_to_back_at_the_exact_rate(dut):
    await begin(dut)
    line, source = Line(dut), StreamSource(dut, "i")
    source.send(*[0x55] * BYTES)
    while dut.tx.value:
        await RisingEdge(dut.clk)
    await ClockCycles(dut.clk, int(10 * BYTES * line.bit))
    assert len(line.heard) == BYTES
    assert not source.queue


@cocotb.test
async def both_directions_run_at_once(dut):
    await begin(dut)
    line, sink = Line(dut), StreamSink(dut, "o")
    source = StreamSource(dut, "i")
    sent, said = random.Random(5).randbytes(BYTES), random.Random(6).randbytes(BYTES)
    source.send(*sent)
    await line.say(said)
    await sink.expect(said)
    await ClockCycles(dut.clk, int(25 * line.bit))
    assert bytes(line.heard) == sent


@cocotb.test
async def a_byte_without_stop_bit_is_dropped(dut):
    await begin(dut)
    line, sink = Line(dut), StreamSink(dut, "o")
    await line.say(b"a")
    end = await line.hold(0, 25, line.now)  # a break
    await line.hold(1, 2, end)
    await line.say(b"b")
    await sink.expect(b"ab")
    await sink.quiet(100)


@cocotb.test
async def a_glitch_is_no_start_bit(dut):
    await begin(dut)
    line, sink = Line(dut), StreamSink(dut, "o")
    await line.hold(0, Fraction(1) / line.bit, line.now)  # one clock
    await line.hold(1, 12, line.now)
    await line.say(b"c")
    await sink.expect(b"c")
    await sink.quiet(100)


@cocotb.test
async def a_stalled_reader_finds_all_that_the_fifo_holds(dut):
    await begin(dut)
    line, sink = Line(dut), StreamSink(dut, "o", stall=1)
    octets = random.Random(7).randbytes(parameters()["depth"])
    await line.say(octets)
    sink.set_pause(0)
    await sink.expect(octets)
    await line.say(b"d")
    await sink.expect(b"d")
