"""ReadEngine between a root complex of packets and a taker of bytes."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.pcie import Outcome, PcieUse
from ..rtl.pcie_interfaces import transfer_layout
from .pcie_packets import ByteSink, WordSource, pick
from .pcie_root import ReadRoot
from .payload import pack
from .streams import parameters, start

PRESSED = [(0, 0), (0.3, 0.3)]  # idle and stall


class Bench:
    def __init__(self, dut, *, idle=0, stall=0, limit=5, waits=False, **more):
        self.dut, self.given = dut, parameters()
        self.use = PcieUse(**self.given["use"])
        dut.master.value, dut.max_read.value, dut.clear.value = 1, limit, 0
        self.root = ReadRoot(dut, self.use, idle=idle, stall=stall, **more)
        self.root.orders.limit = limit
        self.commands = WordSource(dut, "reads__commands", idle=idle)
        self.bytes = ByteSink(dut, "reads__bytes", self.use.bytes, stall=1 if waits else stall)
        self.random = pick(1, "bench")
        self.expected = Outcome.PENDING
        cocotb.start_soon(self._watch())

    async def _watch(self):
        while True:
            await RisingEdge(self.dut.clk)
            found = self.dut.failure.value
            assert found in (Outcome.PENDING, self.expected), f"failure {Outcome(int(found))!r}"

    def order(self, *transfers):
        for address, count in transfers:
            self.root.orders.order(address, count)
            self.commands.send(pack(transfer_layout, {"address": address, "bytes": count}))

    async def check(self, *transfers):
        """Orders all of them and checks what comes."""
        self.order(*transfers)
        for (address, count), octets in zip(transfers, await self.bytes.take(len(transfers))):
            assert octets == self.root.memory.read(address, count), \
                f"{count} bytes at {address:#x}: {octets[:32].hex()} ..."
        assert not self.root.orders.queue
        assert not (self.root.strict and self.root.flying)
        assert self.dut.failure.value == Outcome.PENDING

    async def rest(self, clocks=60):
        """Checks that nothing more comes."""
        asked, beats = len(self.root.asked), len(self.bytes.beats)
        await ClockCycles(self.dut.clk, clocks)
        assert len(self.root.asked) == asked and len(self.bytes.beats) == beats
        assert not self.bytes.partial and not self.bytes.transfers

    async def fails(self, outcome, clocks=6000):
        """Waits for the failure; from then on no request, and two beats at most."""
        dut, root, self.expected = self.dut, self.root, outcome
        for _ in range(clocks):
            await RisingEdge(dut.clk)
            if dut.failure.value:
                break
        assert dut.failure.value == outcome, f"{dut.failure.value} instead of {outcome!r}"
        offered = int(bool(root.requests.headers.valid.value))
        asked, beats = len(root.asked), len(self.bytes.beats)
        await ClockCycles(dut.clk, 300)
        assert len(root.asked) - asked <= offered + 1, "requests after a failure"
        assert len(self.bytes.beats) - beats <= 3, "bytes after a failure"
        assert dut.failure.value == outcome

    async def clear(self):
        """Clears; all that was ordered is forgotten, and completions to come are late."""
        await RisingEdge(self.dut.clk)
        self.dut.clear.value, self.bytes.may_drop = 1, True
        self.commands.drop()
        await RisingEdge(self.dut.clk)
        self.root.forget()
        self.dut.clear.value, self.bytes.may_drop = 0, True
        await RisingEdge(self.dut.clk)
        self.bytes.partial.clear()
        self.bytes.transfers.clear()
        assert self.dut.failure.value == Outcome.PENDING
        self.expected = Outcome.PENDING

    async def settled(self):
        """Late completions have come; tags come again after two clears."""
        while self.root.flying or self.root.source.queue:
            await RisingEdge(self.dut.clk)

    def transfers(self, count, most):
        """Random ones, of all magnitudes, many of them near cuts."""
        for _ in range(count):
            size = self.random.randrange(1, 1 << self.random.randrange(1, most.bit_length()))
            address = self.random.getrandbits(self.random.choice((20, 34, 60)))
            if self.random.random() < 0.5:
                address = address // 512 * 512 + 512 - self.random.randrange(20)
            yield address, size


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
