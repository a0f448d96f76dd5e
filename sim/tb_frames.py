"""FrameParser and FrameBuilder against common.link."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from ..common import link
from ..rtl.frames import header_layout
from .streams import StreamSink, StreamSource, parameters, start

LENGTHS = [0, 1, 2, 3, 255, 256, 257, link.MAX_PAYLOAD - 1, link.MAX_PAYLOAD]


def some_frames(seed, lengths=LENGTHS):
    """(header, payload) with random contents."""
    generator = random.Random(seed)
    return [({"length": length, "sequence": generator.randrange(256),
              "kind": generator.randrange(256)}, generator.randbytes(length))
            for length in lengths]


def encode(header, payload):
    return link.encode_frame(header["sequence"], header["kind"], payload)


class Parser:
    """A FrameParser between a source of bytes and sinks."""

    def __init__(self, dut, idle=0, stall=0):
        self.dut = dut
        self.bytes = StreamSource(dut, "i", idle=idle)
        self.headers = StreamSink(dut, "headers", header_layout, stall=stall)
        self.payload = StreamSink(dut, "payload", stall=stall)

    async def expect(self, frames):
        for header, payload in frames:
            await self.headers.expect([header])
            await self.payload.expect(payload)

    async def rest(self):
        """Longer than a gap."""
        await self.bytes.drained()
        await ClockCycles(self.dut.clk, parameters()["gap_clocks"] + 10)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def good_frames_are_passed_on(dut, idle, stall):
    await start(dut)
    parser, frames = Parser(dut, idle, stall), some_frames(1)
    for frame in frames:
        parser.bytes.send(*encode(*frame))
    await parser.expect(frames)
    await parser.headers.quiet(20)
    assert not dut.active.value


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5])
async def one_wrong_bit_anywhere_drops_a_frame(dut, idle):
    await start(dut)
    parser, good = Parser(dut, idle), some_frames(2, [5])
    frame = encode(*some_frames(3, [9])[0])
    for position in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[position // 8] ^= 1 << position % 8
        parser.bytes.send(*damaged)
        await parser.rest()
    parser.bytes.send(*encode(*good[0]))
    await parser.expect(good)
    await parser.headers.quiet(20)


@cocotb.test
async def a_frame_cut_short_anywhere_is_dropped(dut):
    await start(dut)
    parser = Parser(dut)
    frame = encode(*some_frames(4, [6])[0])
    for size, good in enumerate(some_frames(5, [4] * len(frame))):
        parser.bytes.send(*frame[:size])
        await parser.rest()
        assert not dut.active.value
        parser.bytes.send(*encode(*good))
        await parser.expect([good])
    await parser.headers.quiet(20)


@cocotb.test
async def a_pause_inside_a_frame_may_last_for_the_gap(dut):
    await start(dut)
    parser, frames = Parser(dut), some_frames(6, [3])
    for octet in encode(*frames[0]):
        parser.bytes.send(octet)
        await parser.bytes.drained()
        await ClockCycles(dut.clk, parameters()["gap_clocks"] - 5)
    await parser.expect(frames)


@cocotb.test
@cocotb.parametrize(before=[b"\x00\xff", link.SYNC[:1], link.SYNC[:1] * 3, link.SYNC[::-1],
                            link.SYNC[:1] + b"\x00", link.SYNC + b"\xff\xff\x00\x00"])
async def what_comes_before_a_frame_does_not_matter(dut, before):
    await start(dut)
    parser, frames = Parser(dut), some_frames(7, [2, 2])
    for frame in frames:
        parser.bytes.send(*before, *encode(*frame))
    await parser.expect(frames)


@cocotb.test
async def a_frame_that_is_too_long_is_dropped_at_once(dut):
    await start(dut)
    parser, frames = Parser(dut), some_frames(8, [2])
    long = link.HEADER.pack(link.MAX_PAYLOAD + 1, 1, 1)
    parser.bytes.send(*link.SYNC, *long, *encode(*frames[0]))
    await parser.expect(frames)


@cocotb.test
async def noise_between_frames_never_makes_one(dut):
    await start(dut)
    parser, frames = Parser(dut), some_frames(9, [8] * 20)
    generator = random.Random(10)
    for frame in frames:
        parser.bytes.send(*(generator.choice([0x54, 0x33, 0, 1, 2, generator.randrange(256)])
                            for _ in range(60)))
        await parser.rest()
        parser.bytes.send(*encode(*frame))
        await parser.expect([frame])
    await parser.headers.quiet(20)


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def frames_are_built(dut, idle, stall):
    await start(dut)
    headers = StreamSource(dut, "headers", header_layout, idle=idle)
    payload = StreamSource(dut, "payload", idle=idle)
    sink = StreamSink(dut, "o", stall=stall)
    frames = some_frames(11)
    for header, octets in frames:
        headers.send(header)
        payload.send(*octets)
    for frame in frames:
        await sink.expect(encode(*frame))
    await sink.quiet(20)
