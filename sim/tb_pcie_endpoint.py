"""PcieEndpoint behind the model of the UltraScale+ block: DMA both ways, faults, resets."""

import random

import cocotb
from cocotb.triggers import ClockCycles

from ..common.pcie import (DOWN, EVENT_DONE, EVENT_ERROR, MAX_FRAME, STATUS_STOPPED, UP, Kind,
                           Outcome)
from ..common.link import encode_frame
from . import memory
from .bench import machine
from .pcie_device import PcieDevice
from .pcie_host import RingHost, flagged
from .streams import StreamSink, StreamSource, parameters

PAGE = 4096


async def begin(dut, *, pause=0, space=1 << 20, locked=0, **options):
    """A host, and the board's memory; the link's side is at rest."""
    config = machine(parameters()["config"])
    dut.quiet.value, dut.locked.value = 1, locked
    device = PcieDevice(dut, **options)
    twin = memory.attach(dut, config)
    await device.start()
    if pause:
        device.pause(pause)
    host = RingHost(device, space=space)
    await host.set_up()
    return host, twin, config


def words(octets, size):
    return {n: int.from_bytes(octets[at:at + size], "little")
            for n, at in enumerate(range(0, len(octets), size))}


def image(twin, first, count, size):
    """`count` bytes of the board's memory."""
    return b"".join(twin.words.get(first + n, 0).to_bytes(size, "little")
                    for n in range(-(-count // size)))[:count]


async def store(host, config, twin, at, octets, word):
    """A STORE of `octets` at offset `at` of the host's memory; the words around must stay."""
    size = config.word_bytes
    before = dict(twin.words)
    address = host.fill(at, octets)
    posted = await host.post(DOWN, Kind.STORE, address, len(octets), word=word)
    assert await host.done(posted, 20_000 + 4 * len(octets)) == (Outcome.DONE, len(octets))
    await ClockCycles(host.device.clock, 8)
    expected = before | {word + n: value for n, value in words(octets, size).items()}
    assert twin.words == expected
    assert host.found() == octets


async def load(host, config, twin, at, count, word):
    """A LOAD of `count` bytes; the bytes around the buffer must stay."""
    address = host.fill(at, bytes(count))
    posted = await host.post(DOWN, Kind.LOAD, address, count, word=word)
    assert await host.done(posted, 20_000 + 8 * count) == (Outcome.DONE, count)
    await ClockCycles(host.device.clock, 100)  # the guards, too
    assert host.found() == image(twin, word, count, config.word_bytes)


@cocotb.test
@cocotb.parametrize(pause=[0, 0.3])
async def every_alignment(dut, pause):
    """Lengths of 1 byte and more at all places in a beat, both ways."""
    host, twin, config = await begin(dut, pause=pause)
    source = random.Random(5)
    for offset in range(16):
        for count in (*range(1, 10), 15, 16, 17, 31, 33) if not offset % 4 else (1, 3, 8, 13):
            octets = source.randbytes(count)
            word = source.randrange(config.memory_words - 64)
            await store(host, config, twin, PAGE + offset, octets, word)
            await load(host, config, twin, 2 * PAGE + 7 + offset, count, word)


@cocotb.test
@cocotb.parametrize(pause=[0, 0.2])
async def every_boundary(dut, pause):
    """Around pages, requests and payloads."""
    host, twin, config = await begin(dut, pause=pause)
    source = random.Random(6)
    for at in (PAGE - 5, 3 * PAGE - 256 - 1, 5 * PAGE - 512 + 4, 2 * PAGE):
        for count in (6, 255, 256, 257, 511, 512, 513, 1025, 4095, 4096, 4097):
            word = source.randrange(config.memory_words - 1024)
            await store(host, config, twin, at + PAGE, source.randbytes(count), word)
            await load(host, config, twin, at + 8 * PAGE, count, word)


@cocotb.test
async def frames_both_ways(dut):
    """SEND gives the bytes, RECEIVE takes a frame, with interrupts; both rings wrap."""
    host, _, _ = await begin(dut, pause=0.1)
    sink, source = StreamSink(dut, "o", stall=0.2), StreamSource(dut, "i", idle=0.2)
    await host.write("EVENT_MASK", EVENT_DONE | EVENT_ERROR)
    draw = random.Random(7)
    for n in range(20):
        host.device.msi().clear()
        sent = draw.randbytes(draw.choice([1, 7, 100, 534, 1500]))
        posted = await host.post(DOWN, Kind.SEND, host.fill(PAGE + 3, sent), len(sent))
        await sink.expect(sent)
        assert await host.done(posted) == (Outcome.DONE, len(sent))
        answer = encode_frame(n, 0x80, draw.randbytes(draw.choice([0, 1, 50, 524])))
        buffer = host.fill(2 * PAGE + n % 8, bytes(MAX_FRAME))
        posted = await host.post(UP, Kind.RECEIVE, buffer, MAX_FRAME, **flagged())
        source.send(*answer)
        assert await host.done(posted) == (Outcome.DONE, len(answer))
        assert host.found() == answer + bytes(MAX_FRAME - len(answer))
        await host.device.within(2000, host.device.msi().wait(), "interrupt")
        assert await host.read("EVENTS") == EVENT_DONE
        await host.write("EVENTS", EVENT_DONE)


NONSENSE = {
    "no bytes": (DOWN, Kind.STORE, 0, 0, {}, Outcome.BAD_LENGTH),
    "too many bytes": (DOWN, Kind.STORE, 0, (1 << 24) + 1, {}, Outcome.BAD_LENGTH),
    "below the window": (DOWN, Kind.STORE, -1, 64, {}, Outcome.BAD_ADDRESS),
    "above the window": (DOWN, Kind.LOAD, (1 << 20) - 63, 64, {}, Outcome.BAD_ADDRESS),
    "round the end": (DOWN, Kind.LOAD, None, 64, {}, Outcome.BAD_ADDRESS),
    "words outside": (DOWN, Kind.STORE, 64, 64, {"word": -7}, Outcome.BAD_WORDS),
    "words far outside": (DOWN, Kind.LOAD, 64, 64, {"word": 0xFFFF_FFFF}, Outcome.BAD_WORDS),
    "unknown kind": (DOWN, 9, 64, 64, {}, Outcome.BAD_KIND),
    "kind of the other ring": (UP, Kind.LOAD, 64, 64, {}, Outcome.BAD_KIND),
    "no room for a frame": (UP, Kind.RECEIVE, 64, MAX_FRAME - 1, {}, Outcome.BAD_LENGTH),
}


@cocotb.test
async def nonsense(dut):
    """Each wrong descriptor ends in ERROR and its status, an interrupt, and rest; then it works."""
    host, twin, config = await begin(dut)
    await host.write("EVENT_MASK", EVENT_ERROR)
    before = bytes(host.memory)
    for name, (ring, kind, at, count, fields, outcome) in NONSENSE.items():
        dut._log.info(name)
        host.device.msi().clear()
        address = 2**64 - 32 if at is None else host.base + at
        if fields.get("word", 0) < 0:
            fields = {"word": config.memory_words + fields["word"]}
        posted = await host.post(ring, kind, address, count, **fields)
        assert await host.done(posted) == (outcome, 0)
        await host.device.within(2000, host.device.msi().wait(), "interrupt")
        assert await host.read("ERROR") == outcome | ring << 8
        assert await host.read("STATUS") & STATUS_STOPPED
        other = (UP, Kind.RECEIVE) if ring == DOWN else (DOWN, Kind.STORE)
        after = await host.post(*other, host.base + 64, MAX_FRAME)
        await ClockCycles(dut.clk, 500)
        assert host.status(after) == (Outcome.PENDING, 0), "it goes on after an error"
        assert bytes(host.memory) == before and not twin.words
        await host.reset()
        await host.set_up()
        await host.write("EVENTS", EVENT_ERROR)
    await store(host, config, twin, PAGE, random.Random(1).randbytes(999), 5)


@cocotb.test
async def bad_rings(dut):
    """A base that is no multiple of the size, and a tail that is too far."""
    host, twin, config = await begin(dut)
    await host.write("DOWN_BASE_LOW", host.rings[DOWN][0] + 32)
    await host.post(DOWN, Kind.STORE, host.base + 64, 64)
    await ClockCycles(dut.clk, 300)
    assert await host.read("ERROR") == Outcome.BAD_RING | DOWN << 8
    await host.reset()
    await host.set_up()
    for name, value in (("UP_TAIL", host.entries + 1), ("UP_SIZE", 8)):
        await host.write(name, value)
        await host.write("UP_TAIL", max(value, 1))
        await ClockCycles(dut.clk, 300)
        assert await host.read("ERROR") == Outcome.BAD_RING | UP << 8
        await host.reset()
        await host.set_up()
    await store(host, config, twin, PAGE, b"ring", 0)


@cocotb.test
async def memory_of_a_run(dut):
    """While a run has the memory STORE is refused; a busy link is waited for."""
    host, twin, config = await begin(dut, locked=1)
    posted = await host.post(DOWN, Kind.STORE, host.fill(PAGE, b"refused!"), 8)
    assert await host.done(posted) == (Outcome.BUSY, 0)
    assert not twin.words
    dut.locked.value, dut.quiet.value = 0, 0
    await host.reset()
    await host.set_up()
    posted = await host.post(DOWN, Kind.STORE, host.fill(PAGE, b"waiting!"), 8)
    await ClockCycles(dut.clk, 1000)
    assert host.status(posted)[0] == Outcome.PENDING and dut.claims.value
    dut.quiet.value = 1
    assert await host.done(posted) == (Outcome.DONE, 8)
    await ClockCycles(dut.clk, 20)
    assert not dut.claims.value


@cocotb.test
@cocotb.parametrize(store_first=[False, True])
async def reset_in_the_middle(dut, store_first):
    """At any moment of a long transfer; what was not written stays, and the next is whole."""
    host, twin, config = await begin(dut)
    draw = random.Random(8)
    for _ in range(12):
        octets = draw.randbytes(6000)
        address = host.fill(PAGE + 3, octets)
        await host.post(DOWN, Kind.STORE if store_first else Kind.LOAD, address, len(octets))
        await ClockCycles(dut.clk, draw.randrange(20, 900))
        await host.reset()
        await host.set_up()
        twin.words.clear()
        await store(host, config, twin, 3 * PAGE + 1, draw.randbytes(700), 9)
        await load(host, config, twin, 5 * PAGE + 2, 700, 9)


@cocotb.test
async def bus_master_off(dut):
    """Nothing is asked for while it is off; off in the middle it is an error, and no hang."""
    host, twin, config = await begin(dut)
    function = host.device.function
    await function.clear_master()
    posted = await host.post(DOWN, Kind.STORE, host.fill(PAGE, bytes(5000)), 5000)
    await ClockCycles(dut.clk, 1000)
    assert host.status(posted)[0] == Outcome.PENDING and not await host.read("ERROR")
    await function.set_master()
    await ClockCycles(dut.clk, 150)
    await function.clear_master()
    for _ in range(40):
        await ClockCycles(dut.clk, 50)
        if error := await host.read("ERROR"):
            break
    assert error & 0xFF == Outcome.BUS_MASTER
    await function.set_master()
    await host.reset()
    await host.set_up()
    twin.words.clear()
    await store(host, config, twin, PAGE, random.Random(2).randbytes(3000), 1)


# Header of a payload of 256 bytes at RC and at RQ (PG213, descriptors), the register that counts.
LONG = {Kind.STORE: (12, "READ_BYTES"), Kind.LOAD: (16, "LOADED_BYTES")}


@cocotb.test
@cocotb.parametrize(kind=[Kind.STORE, Kind.LOAD])
async def throughput(dut, kind):
    """Payload bytes a clock of a long transfer, at maximum payload 256, from register CLOCKS."""
    host, twin, config = await begin(dut, space=1 << 18)
    host.device.let_link_be_free()
    octets, (header, moved) = random.Random(3).randbytes(1 << 16), LONG[kind]
    if kind == Kind.STORE:
        await store(host, config, twin, PAGE, octets, 0)
    else:
        twin.words |= words(octets, config.word_bytes)
        await load(host, config, twin, PAGE, len(octets), 0)
    clocks = await host.read("CLOCKS")
    assert await host.read(moved) == len(octets)
    carried = 8 * 256 / (256 + header)  # bytes a clock that 64 bits carry
    reached = len(octets) / clocks
    cocotb.log.info(f"{kind.name}: {reached:.3f} of {carried:.3f} bytes a clock")
    assert reached >= 0.9 * carried


