"""ReadEngine: the bytes asked for come, whatever their place and number, as fast as the bus."""

import cocotb
from cocotb.triggers import ClockCycles

from .pcie_read_bench import Bench
from .streams import parameters, start

PRESSED = [(0, 0), (0.3, 0.3)]  # idle and stall


@cocotb.test
@cocotb.parametrize((("idle", "stall"), PRESSED), boundary=[64, 128])
async def every_alignment_and_short_length(dut, idle, stall, boundary):
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall, boundary=boundary)
    transfers = [(0x1000_0FE0 + 64 * size + begin, size) for size in range(1, 41)
                 for begin in range(16)]
    await bench.check(*transfers)
    await bench.rest()


@cocotb.test
@cocotb.parametrize((("limit", "boundary"), [(0, 64), (1, 64), (2, 128), (5, None)]))
async def around_every_cut(dut, limit, boundary):
    await start(dut)
    bench = Bench(dut, limit=limit, boundary=boundary)
    cuts = [128, 256, 512, 4096]
    transfers = [(0x5_0000_0000 + cut - before, before + after) for cut in cuts
                 for before in (0, 1, 3, 4, 5, 31, 33) for after in (0, 1, 4, 7, 32, 127, 128, 129)
                 if before + after]
    transfers += [(0x7000 + begin, size + extra) for size in cuts for extra in (-1, 0, 1)
                  for begin in (0, 1, 4, 511)]
    await bench.check(*transfers)


@cocotb.test
@cocotb.parametrize((("idle", "stall", "boundary", "mix"), [
    (0, 0, 64, True), (0.3, 0, 128, True), (0, 0.3, 64, True), (0.2, 0.5, None, True),
    (0, 0, "all", False)]))
async def random_transfers(dut, idle, stall, boundary, mix):
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall, boundary=boundary, mix=mix, latency=300)
    await bench.check(*bench.transfers(80, 4096))
    await bench.check(*bench.transfers(4, 1 << 16), (3, 1 << 16))
    await bench.rest()


@cocotb.test
async def the_next_transfer_is_asked_for_while_the_last_one_returns(dut):
    await start(dut)
    bench = Bench(dut, latency=1)
    bench.root.silent = True
    bench.order((0x1003, 600), (0x8000, 4), (0x9001, 9), (0x20, 512))
    await ClockCycles(dut.clk, 60)
    assert [asked[2:] for asked in bench.root.asked] == [
        (0x1003, 509), (0x1200, 91), (0x8000, 4), (0x9001, 9), (0x20, 480), (0x200, 32)]
    bench.root.silent = False
    await bench.bytes.take(4)


@cocotb.test
async def sixteen_reads_are_on_their_way_and_no_more(dut):
    await start(dut)
    bench = Bench(dut, latency=1)
    bench.root.silent = True
    bench.order((0, 20 * 512))
    await ClockCycles(dut.clk, 200)
    tags = bench.given["tags"]
    assert [asked[1] for asked in bench.root.asked] == list(range(tags))
    bench.root.silent = False
    (octets,) = await bench.bytes.take(1)
    assert octets == bench.root.memory.read(0, 20 * 512)


@cocotb.test
@cocotb.parametrize(address=[0, 5])
async def bytes_come_as_fast_as_the_bus_carries_them(dut, address):
    """64 KiB in completions of 256 bytes; 64 bits carry one in 34 clocks, its header included."""
    await start(dut)
    count, beats = 1 << 16, 256 // (4 * parameters()["use"]["lanes"])
    pace = beats + max(2, beats // 16)
    bench = Bench(dut, boundary="all", mix=False, latency=60, period=lambda _: pace)
    await bench.check((address, count))
    sent, left = bench.root.source.sent, bench.bytes.beats
    packets = len(sent)
    clocks = left[-1] - sent[0]
    dut._log.info(f"{count} bytes, {packets} completions, a completion in {pace} clocks: "
                  f"{clocks} clocks from the first header to the last byte, "
                  f"{count / clocks:.3f} bytes a clock, {packets * pace / clocks:.4f} of the pace")
    assert packets * pace >= 0.97 * clocks


@cocotb.test
async def a_beat_a_clock_leaves(dut):
    """Full slots leave without a gap, also from transfer to transfer."""
    await start(dut)
    bench = Bench(dut, boundary=None, mix=False, latency=1, waits=True)
    bench.order((0x103, 1000), (0x800, 512), (0x1005, 3), (0x2004, 800))
    await ClockCycles(dut.clk, 600)
    bench.bytes.stall = 0
    await bench.bytes.take(4)
    beats = sum(-(-n // bench.use.bytes) for n in (1000, 512, 3, 800))
    assert len(bench.bytes.beats) == beats
    assert bench.bytes.beats[-1] - bench.bytes.beats[0] <= beats - 1 + 3


@cocotb.test
@cocotb.parametrize(count=[1, 8, 500])
async def the_first_byte_leaves_ten_clocks_after_the_last_one_came(dut, count):
    await start(dut)
    bench = Bench(dut, boundary=None)
    await bench.check((0x200, count))
    (header,) = bench.root.source.sent
    assert bench.bytes.beats[0] == header + -(-count // bench.use.bytes) + 10
