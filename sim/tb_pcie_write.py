"""WriteEngine between a source of bytes and a root complex of packets."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.pcie import Outcome, PcieUse
from ..rtl.pcie_interfaces import transfer_layout
from .payload import pack
from .pcie_packets import WordSource, beats_of, pick
from .pcie_root import WriteRoot
from .streams import parameters, start


class Bench:
    def __init__(self, dut, *, idle=0, stall=0, limit=5):
        self.dut, self.given = dut, parameters()
        self.use = PcieUse(**self.given["use"])
        dut.master.value, dut.max_payload.value, dut.clear.value = 1, limit, 0
        self.root = WriteRoot(dut, self.use, stall=stall)
        self.root.orders.limit = limit
        self.commands = WordSource(dut, "writes__commands", idle=idle)
        self.bytes = WordSource(dut, "writes__bytes", idle=idle)
        self.random = pick(1, "bench")
        self.done, self.expected = 0, Outcome.PENDING
        self.written, self.old = {}, {}  # what is to be there; what may be there, in part
        cocotb.start_soon(self._watch())

    async def _watch(self):
        """Counts `done`: never before the last packet of the transfer has gone."""
        while True:
            await RisingEdge(self.dut.clk)
            if self.dut.writes__done.value:
                self.done += 1
                assert self.done <= self.root.ends, "done before the last packet"
            assert self.dut.failure.value in (Outcome.PENDING, self.expected)

    def order(self, *transfers):
        for address, count in transfers:
            octets = self.random.randbytes(count)
            self.root.orders.order(address, count)
            self.commands.send(pack(transfer_layout, {"address": address, "bytes": count}))
            self.bytes.send(*beats_of(octets, self.use.bytes, self.random))
            self.written.update((address + n, octet) for n, octet in enumerate(octets))

    async def finish(self, count):
        """Waits until `count` transfers are done."""
        goal = self.done + count
        while self.done < goal:
            await RisingEdge(self.dut.clk)

    async def check(self, *transfers):
        """Transfers that do not overlap: afterwards the memory holds them and nothing else."""
        self.order(*transfers)
        await self.finish(len(transfers))
        memory = self.root.memory
        extra = {at: octet for at, octet in memory.items() if at not in self.written}
        assert len(memory) - len(extra) == len(self.written)
        assert all(memory[at] == octet for at, octet in self.written.items())
        assert all(self.old[at] == octet for at, octet in extra.items())
        memory.clear()
        self.written.clear()
        assert not self.root.orders.queue and not self.commands.queue and not self.bytes.queue

    async def rest(self, clocks=60):
        """Checks that nothing more comes."""
        done, ended = self.done, len(self.root.requests.ended)
        await ClockCycles(self.dut.clk, clocks)
        assert (done, ended) == (self.done, len(self.root.requests.ended))
        assert not self.root.requests.open

    async def clear(self):
        """Clears; a packet that is offered or leaving still comes, with its own bytes."""
        await RisingEdge(self.dut.clk)
        self.dut.clear.value = 1
        self.commands.drop()
        self.bytes.drop()
        self.old, self.written = self.written, {}
        await RisingEdge(self.dut.clk)
        self.root.forget()
        self.dut.clear.value = 0
        await RisingEdge(self.dut.clk)
        self.expected, self.done, self.root.ends = Outcome.PENDING, 0, 0

    def transfers(self, count, most):
        """Random ones of all magnitudes, many of them near cuts, which do not overlap."""
        address = self.random.getrandbits(30) << 20
        for _ in range(count):
            size = self.random.randrange(1, 1 << self.random.randrange(1, most.bit_length()))
            address += self.random.randrange(40)
            if self.random.random() < 0.5:
                address = address // 256 * 256 + 512 - self.random.randrange(20)
            yield address, size
            address += size


PRESSED = [(0, 0), (0.3, 0.3)]  # idle and stall


@cocotb.test
@cocotb.parametrize((("idle", "stall"), PRESSED))
async def every_alignment_and_short_length(dut, idle, stall):
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall)
    for size in range(1, 41):
        await bench.check(*((0x1000_0FE0 + 64 * (size + begin) + begin, size)
                            for begin in range(16)))
    await bench.rest()


@cocotb.test
@cocotb.parametrize(limit=[0, 1, 2])
async def around_every_cut(dut, limit):
    await start(dut)
    bench = Bench(dut, limit=limit)
    cuts = [128, 256, 4096]
    for cut in cuts:
        await bench.check(*((0x5_0000_0000 + (n << 14) + cut - before, before + after)
                            for n, (before, after) in enumerate(
                                (before, after) for before in (0, 1, 3, 4, 5, 31, 33)
                                for after in (0, 1, 4, 7, 32, 127, 128, 129) if before + after)))
    await bench.check(*((0x7000 + (n << 16) + begin, size) for n, (size, begin) in enumerate(
        (size + extra, begin) for size in cuts for extra in (-1, 0, 1)
        for begin in (0, 1, 4, 127, 255))))


@cocotb.test
@cocotb.parametrize((("idle", "stall"), [(0, 0), (0.3, 0), (0, 0.3), (0.2, 0.5)]))
async def random_transfers(dut, idle, stall):
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall)
    await bench.check(*bench.transfers(80, 4096))
    await bench.check(*bench.transfers(3, 1 << 15), (3 << 40, 1 << 16))
    await bench.rest()


@cocotb.test
@cocotb.parametrize(limit=[0, 1])
async def bytes_leave_as_fast_as_the_bus_carries_them(dut, limit):
    """64 KiB in packets of the maximum payload: on 64 bits 34 clocks for 256 bytes."""
    await start(dut)
    bench = Bench(dut, limit=limit)
    count, size = 1 << 16, 128 << limit
    await bench.check((1 << 30, count))
    beats, taken = size // bench.use.bytes, bench.root.requests.taken
    apart = [later - sooner for sooner, later in zip(taken, taken[1:])]
    clocks = bench.root.requests.ended[-1] - taken[0] + 1
    dut._log.info(f"{count} bytes in {len(taken)} packets of {size}: {clocks} clocks, "
                  f"{count / clocks:.3f} bytes a clock, at most {max(apart)} clocks a packet")
    assert len(taken) == count // size and max(apart) <= beats + 2
    # And unaligned: one packet more, and no slower.
    del taken[:], bench.root.requests.ended[:]
    await bench.check(((1 << 30) + 5, count))
    apart = [later - sooner for sooner, later in zip(taken, taken[1:])]
    assert len(taken) == count // size + 1 and max(apart) <= beats + 2


@cocotb.test
async def nothing_leaves_before_all_of_a_packet_is_here(dut):
    await start(dut)
    bench = Bench(dut)
    bench.order((0x1000, 256))
    last = bench.bytes.queue.pop()
    await ClockCycles(dut.clk, 200)
    assert not bench.bytes.queue and not dut.requests__headers__valid.value
    bench.bytes.send(last)
    await bench.finish(1)
    assert bench.root.memory == bench.written


@cocotb.test
@cocotb.parametrize(count=[1, 8, 256])
async def a_header_comes_six_clocks_after_the_last_byte(dut, count):
    await start(dut)
    bench = Bench(dut)
    bench.order((0x200, count))
    last = None
    for clock in range(100):
        await RisingEdge(dut.clk)
        if dut.writes__bytes__valid.value and dut.writes__bytes__ready.value:
            last = clock
        if dut.requests__headers__valid.value:
            break
    assert clock == last + 6


@cocotb.test
async def the_next_packets_are_filled_while_one_waits(dut):
    """Three more of full size: so much is taken while the first is not let go."""
    await start(dut)
    bench = Bench(dut)
    bench.root.requests.headers.stall = 1
    bench.order((0x1000, 4096))
    await ClockCycles(dut.clk, 1000)
    held = 4096 // bench.use.bytes - len(bench.bytes.queue)
    assert 4 * 256 // bench.use.bytes <= held <= 4 * 256 // bench.use.bytes + 8
    bench.root.requests.headers.stall = 0
    await bench.finish(1)
    assert bench.root.memory == bench.written


@cocotb.test
@cocotb.parametrize(clocks=[1, 41, 81], stall=[0, 0.4])
async def a_clear_in_the_middle_drops_what_has_not_begun(dut, clocks, stall):
    """A packet that has begun comes whole and right; all clocks of the pipeline are met."""
    await start(dut)
    bench = Bench(dut, idle=0.02, stall=stall)
    for extra in range(40):
        base = (1 << 52) + (extra << 16)
        bench.order((base + 3, 300 * bench.use.lanes), (base + 4096, 8), (base + 8191, 1))
        await ClockCycles(dut.clk, clocks + extra)
        await bench.clear()
        if extra % 4 == 0:
            await ClockCycles(dut.clk, 100)
            await bench.rest()
        await bench.check(*bench.transfers(3, 600))
        await bench.rest(40)
    assert clocks < 41 or bench.root.late
    assert dut.failure.value == Outcome.PENDING


@cocotb.test
async def what_is_offered_at_a_clear_still_comes(dut):
    await start(dut)
    bench = Bench(dut)
    for count, begin in ((256, 0), (10, 3)):
        bench.root.requests.headers.stall = 1
        bench.order((0x40000 + begin, count), (0x50000, 8))
        await ClockCycles(dut.clk, 100)
        late = bench.root.late
        await bench.clear()
        await ClockCycles(dut.clk, 20)
        assert dut.requests__headers__valid.value
        await bench.clear()  # and again
        bench.root.begun = None
        bench.root.orders.order(0x40000 + begin, count)
        bench.root.requests.headers.stall = 0
        await ClockCycles(dut.clk, 100)
        assert bench.root.ends == 1 and bench.done == 0 and bench.root.late == late
        bench.root.ends = 0
        bench.root.memory.clear()
        await bench.check((0x60000, 700))


@cocotb.test
@cocotb.parametrize(clocks=[0, 10, 60, 100, 101, 102, 110])
async def bus_mastering_off_in_the_middle_ends_it(dut, clocks):
    """The packet that has begun comes whole and no other; then a clear, and a clean run."""
    await start(dut)
    bench = Bench(dut, stall=0.1)
    await bench.check((5, 5))
    dut.master.value = 0
    await bench.rest(50)  # nobody wants anything
    assert dut.failure.value == Outcome.PENDING
    dut.master.value = 1
    bench.order((0x1000, 1 << 12))
    await ClockCycles(dut.clk, clocks)
    dut.master.value, bench.expected = 0, Outcome.BUS_MASTER
    await ClockCycles(dut.clk, 2)
    begun = int(bench.root.requests.open or bool(dut.requests__headers__valid.value))
    ended = len(bench.root.requests.ended)
    await ClockCycles(dut.clk, 400)
    assert dut.failure.value == Outcome.BUS_MASTER
    assert len(bench.root.requests.ended) <= ended + begun
    dut.master.value = 1
    await bench.rest(100)
    assert dut.failure.value == Outcome.BUS_MASTER
    await bench.clear()
    await bench.check((0x3000, 1 << 12))


@cocotb.test
async def a_transfer_is_refused_while_bus_mastering_is_off(dut):
    await start(dut)
    bench = Bench(dut)
    dut.master.value, bench.expected = 0, Outcome.BUS_MASTER
    bench.order((0, 64))
    await ClockCycles(dut.clk, 100)
    assert dut.failure.value == Outcome.BUS_MASTER
    assert bench.commands.queue and not bench.root.requests.ended
