"""ReadEngine when completions are wrong, lost or late, cleared, or bus mastering goes off."""

import cocotb
from cocotb.triggers import ClockCycles

from ..common.pcie import Outcome
from .pcie_read_bench import Bench
from .streams import start


def wrong(kind, header, dwords):
    """A completion with a fault."""
    change = {
        "unsupported": {"status": 1, "dwords": 0, "completed": 1},
        "abort": {"status": 4, "dwords": 0, "completed": 1},
        "retry": {"status": 2, "dwords": 0, "completed": 1},
        "poisoned": {"poisoned": 1},
        "malformed": {"malformed": 1},
        "bytes": {"bytes": header["bytes"] + 1},
        "fewer_bytes": {"bytes": header["bytes"] - 1},
        "address": {"address": header["address"] ^ 4},
        "higher_address": {"address": header["address"] ^ 0x800},
        "empty": {"dwords": 0},
        "too_long": {"dwords": header["dwords"] + 1},
        "far_too_long": {"dwords": 1024},
        "completed": {"completed": 1},
    }[kind]
    header = {**header, **change}
    dwords = (dwords + [0xDEAD] * 1024)[:header["dwords"]]
    return header, dwords


ERRORS = {"unsupported": Outcome.UNSUPPORTED, "abort": Outcome.UNSUPPORTED,
          "retry": Outcome.UNSUPPORTED, "poisoned": Outcome.POISONED,
          **dict.fromkeys(("malformed", "bytes", "fewer_bytes", "address", "higher_address",
                           "empty", "too_long", "far_too_long", "completed"), Outcome.MALFORMED)}


@cocotb.test
@cocotb.parametrize(kind=list(ERRORS))
async def a_wrong_completion_ends_it(dut, kind):
    """The first or a later completion; then a clear, and a clean run."""
    await start(dut)
    bench = Bench(dut, stall=0.2, idle=0.2, latency=20)
    for number in (0, 5):
        seen = 0

        def alter(header, dwords, chosen=number + 1):
            nonlocal seen
            whole = header["dwords"] * 4 >= (header["address"] & 3) + header["bytes"]
            if kind == "completed" and whole:
                return header, dwords  # it would be right
            seen += 1
            return wrong(kind, header, dwords) if seen == chosen else (header, dwords)

        bench.root.alter = alter
        bench.order((0x2005, 3000), (0x80, 100))
        await bench.fails(ERRORS[kind])
        assert seen > number
        bench.root.alter = None
        await bench.clear()
        await bench.check(*bench.transfers(10, 2048))
        await bench.settled()
    await bench.rest()


@cocotb.test
@cocotb.parametrize(early=[0, 1])
async def data_that_are_not_as_many_as_the_header_said_end_it(dut, early):
    await start(dut)
    bench = Bench(dut, boundary=None)
    bench.root.alter = lambda header, dwords: (
        header, dwords[:-bench.use.lanes] if early else dwords + [0] * bench.use.lanes)
    bench.order((0x4000, 512))
    await bench.fails(Outcome.MALFORMED)
    bench.root.alter = None
    await bench.clear()
    await bench.check(*bench.transfers(10, 2048))


@cocotb.test
async def a_lost_completion_ends_it(dut):
    await start(dut)
    bench = Bench(dut, latency=5)
    timeout = bench.use.timeout
    lost = []

    def alter(header, dwords):
        if header["bytes"] == 512 and header["address"] == 0x200 and not lost:
            lost.append(bench.root.requests.clock)
        return None if lost and header["tag"] == 1 else (header, dwords)

    bench.root.alter = alter
    bench.order((0, 2048))
    await bench.fails(Outcome.TIMEOUT, 2 * timeout)
    assert lost and bench.root.requests.clock >= lost[0] + timeout - 20
    bench.root.alter = None
    await bench.clear()
    await bench.check((0, 2048), (77, 99))


@cocotb.test
async def a_request_that_is_never_taken_ends_it(dut):
    await start(dut)
    bench = Bench(dut)
    bench.root.requests.headers.stall = 1
    bench.order((0x100, 2048))
    await bench.fails(Outcome.TIMEOUT, 2 * bench.use.timeout)
    await bench.clear()
    bench.root.requests.headers.stall = 0  # what was offered is still taken, and its answer late
    await bench.check((0x777, 1000))
    assert len(bench.root.asked) == 4


@cocotb.test
async def a_completion_just_in_time_is_none_too_late(dut):
    await start(dut)
    bench = Bench(dut, latency=1)
    bench.root.silent = True
    bench.order((0, 100))
    await ClockCycles(dut.clk, bench.use.timeout - 30)
    bench.root.silent = False
    assert await bench.bytes.take(1) == [bench.root.memory.read(0, 100)]
    bench.root.silent = True
    bench.order((0, 100))
    await bench.fails(Outcome.TIMEOUT, bench.use.timeout + 20)


@cocotb.test
async def a_taker_that_waits_is_no_lost_completion(dut):
    await start(dut)
    bench = Bench(dut, waits=True)
    bench.order((9, 5000))
    await ClockCycles(dut.clk, 3 * bench.use.timeout)
    assert dut.failure.value == Outcome.PENDING
    bench.bytes.stall = 0
    assert await bench.bytes.take(1) == [bench.root.memory.read(9, 5000)]


@cocotb.test
@cocotb.parametrize(clocks=[1, 30, 100, 250])
async def a_clear_in_the_middle_drops_everything(dut, clocks):
    """Requests and completions of before are late; all clocks of the pipeline are met."""
    await start(dut)
    bench = Bench(dut, latency=40, idle=0.1, stall=0.1)
    for extra in range(40):
        bench.order((0x3001, 1500), (0x40, 64), (0x50, 1))
        await ClockCycles(dut.clk, clocks + extra)
        await bench.clear()
        await bench.check(*bench.transfers(2, 1000))
        await bench.settled()
    await bench.rest()


@cocotb.test
async def late_completions_do_not_harm_the_next_transfer(dut):
    """All completions of before come among those of after, for the same slots."""
    await start(dut)
    bench = Bench(dut, latency=1)
    bench.root.silent = True
    bench.order((0x1000, 16 * 512))
    await ClockCycles(dut.clk, 200)
    await bench.clear()
    bench.order((0x7700, 10 * 512))
    await ClockCycles(dut.clk, 200)
    assert len(bench.root.flying) > 20
    bench.root.silent = False
    assert await bench.bytes.take(1) == [bench.root.memory.read(0x7700, 10 * 512)]
    await ClockCycles(dut.clk, 2000)
    assert not bench.root.flying and dut.failure.value == Outcome.PENDING


@cocotb.test
async def completions_that_nobody_waits_for_are_swallowed(dut):
    await start(dut)
    bench = Bench(dut, latency=10)
    tags = bench.given["tags"]

    def stray():
        tag = bench.random.choice([*range(tags, 256)])
        count = bench.random.randrange(1, 200)
        header = {"tag": tag, "address": bench.random.randrange(4096), "bytes": 4 * count,
                  "dwords": count, "status": bench.random.randrange(2), "poisoned": 0,
                  "malformed": bench.random.randrange(2), "completed": 1}
        bench.root.send(header, [0xBAD] * count)

    for address, count in bench.transfers(40, 2000):
        for _ in range(bench.random.randrange(3)):
            stray()
        await bench.check((address, count))
    # and for a slot that nothing was asked for
    header = {"tag": 0, "address": 0, "bytes": 4, "dwords": 1, "status": 0, "poisoned": 0,
              "malformed": 0, "completed": 1}
    for tag in range(tags):
        bench.root.send({**header, "tag": tag}, [0xBAD])
    await bench.root.source.drained()
    await bench.rest()
    await bench.check((1, 1000))


@cocotb.test
@cocotb.parametrize(clocks=[0, 5, 30, 100, 150])
async def bus_mastering_off_in_the_middle_ends_it(dut, clocks):
    await start(dut)
    bench = Bench(dut, latency=40, stall=0.2)
    await bench.check((5, 5))
    dut.master.value = 0
    await bench.rest(100)  # nobody wants anything
    assert dut.failure.value == Outcome.PENDING
    dut.master.value = 1
    bench.order((0, 1 << 14))
    await ClockCycles(dut.clk, clocks)
    dut.master.value = 0
    await bench.fails(Outcome.BUS_MASTER)
    dut.master.value = 1
    await ClockCycles(dut.clk, 10)
    assert dut.failure.value == Outcome.BUS_MASTER
    await bench.clear()
    await bench.check((0, 1 << 12))


@cocotb.test
async def a_transfer_is_refused_while_bus_mastering_is_off(dut):
    await start(dut)
    bench = Bench(dut)
    dut.master.value = 0
    bench.order((0, 64))
    await bench.fails(Outcome.BUS_MASTER, 20)
    assert not bench.root.asked and bench.commands.queue
