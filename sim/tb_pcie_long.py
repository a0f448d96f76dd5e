"""PcieEndpoint: transfers of every length and place, up to the longest; minutes each."""

import random

import cocotb

from ..common.pcie import MAX_BYTES, Kind
from .tb_pcie_endpoint import LONG, PAGE, begin, load, store, words

LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1024)


async def both(bench, source, at, count, word=None):
    """A STORE from offset `at`, a LOAD to it."""
    host, twin, config = bench
    last = config.memory_words - -(-count // config.word_bytes)
    word = source.randrange(last + 1) if word is None else word
    await store(host, config, twin, at, source.randbytes(count), word)
    await load(host, config, twin, at, count, word)


@cocotb.test
async def short_ones_at_every_place(dut):
    """All lengths up to a few beats, at all places of two of the board's words."""
    bench, source = await begin(dut, space=1 << 16), random.Random(21)
    for offset in range(32):
        for count in range(1, 35):
            await both(bench, source, PAGE + offset, count)


@cocotb.test
async def every_place_around_a_page(dut):
    """Begin and end at each byte from 9 before to 9 behind a page, with requests and payloads."""
    bench, source = await begin(dut, pause=0.1, space=1 << 16), random.Random(22)
    for offset in range(-9, 10):
        for count in LENGTHS:
            await both(bench, source, 3 * PAGE + offset, count)
            await both(bench, source, 8 * PAGE + offset - count, count)


@cocotb.test
async def every_power_of_two(dut):
    """From 1 byte to 64 KiB, and a byte less and more."""
    bench, source = await begin(dut, space=1 << 18), random.Random(23)
    for power in range(17):
        for count in {max(1, (1 << power) + n) for n in (-1, 0, 1)}:
            await both(bench, source, PAGE + source.randrange(64), count)


@cocotb.test
@cocotb.parametrize(kind=[Kind.STORE, Kind.LOAD])
async def the_longest(dut, kind):
    """16 MiB from or to an odd address: all of the board's memory."""
    host, twin, config = await begin(dut, space=MAX_BYTES + 4 * PAGE)
    host.device.let_link_be_free()
    octets = random.Random(24).randbytes(MAX_BYTES)
    if kind == Kind.STORE:
        await store(host, config, twin, PAGE + 3, octets, 0)
    else:
        twin.words |= words(octets, config.word_bytes)
        await load(host, config, twin, PAGE + 3, MAX_BYTES, 0)
    assert await host.read(LONG[kind][1]) == MAX_BYTES
    cocotb.log.info(f"{kind.name}: {await host.read('CLOCKS')} clocks for {MAX_BYTES} bytes")
