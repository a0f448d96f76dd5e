"""PcieEndpoint when the bus errs: completions in any order and in pieces, lost, late, refused,
corrupt; and when it is reset out of the blue."""

import enum
import random
from collections import deque

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpType

from ..common.pcie import (DESCRIPTOR, DOWN, EVENT_ERROR, MAX_FRAME, STATUS_AT, STATUS_BUSY,
                           STATUS_STOPPED, UP, Kind, Outcome)
from .streams import StreamSink
from .tb_pcie_endpoint import PAGE, begin, load, store, words

READS = (TlpType.MEM_READ, TlpType.MEM_READ_64)
DMA = (*READS, TlpType.MEM_WRITE, TlpType.MEM_WRITE_64)


class Mixer:
    """A host whose completions come in pieces and in any order, those of one read in theirs."""

    def __init__(self, device, seed):
        self.device, self.random = device, random.Random(seed)
        self.flying = deque()  # in the order in which the host answered
        self.reads = self.pieces = self.overtaken = 0
        device.from_host, device.to_host = self.hold, self.asked
        cocotb.start_soon(self._deliver())

    def asked(self, tlp):
        if tlp.fmt_type in READS:
            self.reads += 1
            self.device.root.split_on_all_rcb = self.random.random() < 0.7
        return (tlp,)

    def hold(self, tlp):
        if tlp.fmt_type != TlpType.CPL_DATA:
            return (tlp,)
        self.pieces += 1
        self.flying.append(tlp)
        return ()

    async def _deliver(self):
        while True:
            await ClockCycles(self.device.clock, self.random.randrange(1, 100))
            for _ in range(self.random.randrange(12)):
                if self.flying:
                    tag = self.random.choice(sorted({tlp.tag for tlp in self.flying}))
                    tlp = next(tlp for tlp in self.flying if tlp.tag == tag)
                    self.overtaken += tlp is not self.flying[0]
                    self.flying.remove(tlp)
                    await self.device.deliver(tlp)


@cocotb.test
@cocotb.parametrize(pause=[0, 0.3])
async def completions_in_pieces_and_in_any_order(dut, pause):
    """With pauses on all four streams, too."""
    host, twin, config = await begin(dut, pause=pause)
    sink, source = StreamSink(dut, "o", stall=pause), random.Random(11)
    mixer = Mixer(host.device, 12)
    for at, count in ((PAGE + 3, 4999), (3 * PAGE - 1, 700), (4 * PAGE + 8, 6001)):
        await store(host, config, twin, at, source.randbytes(count), source.randrange(500))
        await load(host, config, twin, at + 16 * PAGE + 5, count // 2, source.randrange(500))
        octets = source.randbytes(900)
        posted = await host.post(DOWN, Kind.SEND, host.fill(at + 2, octets), len(octets))
        await sink.expect(octets)
        assert await host.done(posted) == (Outcome.DONE, len(octets))
    assert mixer.pieces > 2 * mixer.reads > 50 and mixer.overtaken > mixer.pieces // 5


class Fault(enum.Enum):
    LOST = "no completion"
    UNSUPPORTED = CplStatus.UR
    ABORTED = CplStatus.CA
    POISONED = "poisoned data"

    @property
    def outcome(self):
        return {Fault.LOST: Outcome.TIMEOUT, Fault.POISONED: Outcome.POISONED}.get(
            self, Outcome.UNSUPPORTED)


class Spoiler:
    """A host that spoils one completion of a read within some addresses.

    `passed` are the device's requests to memory, as (kind, address); `kept` the completions that
    did not come.
    """

    def __init__(self, device, fault):
        self.device, self.fault = device, fault
        self.low = self.high = 0
        self.spoilt, self.dead = True, None  # dead: a tag whose read gets nothing any more
        self.addresses, self.passed, self.kept = {}, [], []
        device.from_host, device.to_host = self.answer, self.asked

    def spoil(self, low, high):
        """The next completion of a read from `low` on, and below `high`."""
        self.low, self.high, self.spoilt, self.dead = low, high, False, None
        self.kept.clear()

    def asked(self, tlp):
        if tlp.fmt_type in DMA:
            self.passed.append((tlp.fmt_type, tlp.address))
        if tlp.fmt_type in READS:
            self.addresses[tlp.tag] = tlp.address
        return (tlp,)

    def answer(self, tlp):
        if tlp.fmt_type != TlpType.CPL_DATA:
            return (tlp,)
        if not self.spoilt and self.low <= self.addresses[tlp.tag] < self.high:
            self.spoilt = True
            if self.fault == Fault.POISONED:
                tlp.ep = True
                return (tlp,)
            self.dead = tlp.tag
            if self.fault == Fault.LOST:
                self.kept.append(tlp)
                return ()
            refusal = Tlp.create_completion_for_tlp(tlp, tlp.completer_id, False, self.fault.value)
            refusal.byte_count, refusal.lower_address = tlp.byte_count, tlp.lower_address
            return (refusal,)
        if self.spoilt and tlp.tag == self.dead:  # the rest of it
            self.kept.append(tlp)
            return ()
        return (tlp,)


TARGETS = ("descriptor", "buffer", "receive", "frames")


class Scene:
    """One fault after another, each at another read."""

    def __init__(self, dut, host, twin, config, fault):
        self.dut, self.host, self.twin, self.config = dut, host, twin, config
        self.outcome, self.spoiler = fault.outcome, Spoiler(host.device, fault)
        self.random = random.Random(fault.name)
        self.sink = StreamSink(dut, "o", stall=0.1)

    async def ruin(self, target):
        """Posts what fails; (its ring, descriptors that get the outcome, those that get none)."""
        ring, told, silent = await self._post(target)
        self.entries = self.rings(told)
        return ring, told, silent

    def rings(self, posted):
        """The bytes of both rings but for the status of the descriptors `posted`."""
        kept = [bytearray(memory[:4096]) for _, memory in self.host.rings]
        for ring, place in posted:
            kept[ring][place + STATUS_AT:place + DESCRIPTOR.size] = bytes(8)
        return kept

    async def _post(self, target):
        host, octets = self.host, self.random.randbytes(3000)
        address = host.fill(PAGE + 3, octets)
        self.octets, self.before = octets, bytes(host.memory)
        if target == "descriptor":
            entry = host.rings[DOWN][0] + 32 * host.tails[DOWN]
            self.spoiler.spoil(entry, entry + 32)
            return DOWN, [], [await host.post(DOWN, Kind.STORE, address, len(octets), word=7)]
        if target == "receive":
            entry = host.rings[UP][0] + 32 * host.tails[UP]
            self.spoiler.spoil(entry, entry + 32)
            return UP, [], [await host.post(UP, Kind.RECEIVE, address, MAX_FRAME)]
        waiting = await host.post(UP, Kind.RECEIVE, address, MAX_FRAME)
        await ClockCycles(self.dut.clk, 300)
        self.spoiler.spoil(address + 1000, address + 2500)
        kind = Kind.STORE if target == "buffer" else Kind.SEND
        return DOWN, [waiting, await host.post(DOWN, kind, address, len(octets), word=7)], []

    async def check_end(self, ring, told, silent, head):
        """Error, status, interrupt, rest; nothing outside has changed."""
        host = self.host
        for posted in told:
            assert await host.done(posted) == (self.outcome, 0)
        await host.device.within(12_000, host.device.msi().wait(), "interrupt")
        assert await host.read("EVENTS") == EVENT_ERROR
        error = await host.read("ERROR")
        assert error & 0xFF == self.outcome and error >> 16 == head[error >> 8 & 0xFF]
        assert error >> 8 & 0xFF in ({ring} if not told else {DOWN, UP})
        assert self.spoiler.spoilt
        await ClockCycles(self.dut.clk, 300)
        assert await host.read("STATUS") & (STATUS_BUSY | STATUS_STOPPED) == STATUS_STOPPED
        for posted in silent:
            assert host.status(posted) == (Outcome.PENDING, 0)
        self.spoiler.passed.clear()
        assert self.rings(told) == self.entries, "more than a status has changed"
        for other in (DOWN, UP):
            await host.post(other, Kind.STORE, host.base + PAGE, 64)
        await ClockCycles(self.dut.clk, 500)
        assert not self.spoiler.passed, "it goes on after an error"
        assert bytes(host.memory) == self.before
        rest = {7 + n: word for n, word in words(self.octets, self.config.word_bytes).items()}
        assert all(rest.get(at) == word for at, word in self.twin.words.items())
        sent = bytes(await self.sink.take(len(self.sink.queue)))
        assert self.octets.startswith(sent)


@cocotb.test
@cocotb.parametrize(fault=list(Fault))
async def completions_that_fail(dut, fault):
    """Of a descriptor, a STORE, a RECEIVE's descriptor and a SEND; each ends at rest, and after a
    reset all is well, also when what was lost comes then."""
    host, twin, config = await begin(dut, pause=0.1, space=1 << 16)
    scene = Scene(dut, host, twin, config, fault)
    for target in TARGETS:
        dut._log.info(target)
        await host.write("EVENT_MASK", EVENT_ERROR)
        await store(host, config, twin, PAGE, b"first", 0)  # so that the head is not 0
        twin.words.clear()
        host.device.msi().clear()
        head = {DOWN: 1, UP: 0}
        await scene.check_end(*await scene.ruin(target), head)
        await host.reset()
        await host.set_up()
        await host.write("EVENTS", EVENT_ERROR)
        assert await host.read("ERROR") == 0 and await host.read("EVENTS") == 0
        if fault == Fault.LOST:
            cocotb.start_soon(deliver_late(host.device, list(scene.spoiler.kept)))
        twin.words.clear()
        await store(host, config, twin, 3 * PAGE + 1, scene.random.randbytes(1300), 9)
        await load(host, config, twin, 5 * PAGE + 2, 1300, 9)
        twin.words.clear()


async def deliver_late(device, tlps):
    await ClockCycles(device.clock, 250)
    for tlp in tlps:
        await device.deliver(tlp)


@cocotb.test
async def no_interrupt_unless_wanted(dut):
    """An error with its event masked is to be seen, but sends nothing."""
    host, twin, config = await begin(dut, space=1 << 16)
    scene = Scene(dut, host, twin, config, Fault.POISONED)
    host.device.msi().clear()
    _, told, _ = await scene.ruin("buffer")
    assert await host.done(told[1]) == (Outcome.POISONED, 0)
    await ClockCycles(dut.clk, 500)
    assert not host.device.msi().is_set() and await host.read("EVENTS") == EVENT_ERROR


@cocotb.test
@cocotb.parametrize(kind=[Kind.STORE, Kind.LOAD, Kind.SEND])
async def surprise_reset(dut, kind):
    """The whole is reset in the middle of a transfer, in the middle of a packet, too."""
    host, twin, config = await begin(dut, space=1 << 17)
    sink, draw, moved = StreamSink(dut, "o"), random.Random(int(kind)), set()
    for _ in range(6):
        octets = draw.randbytes(6000)
        address = host.fill(PAGE + 3, octets)
        posted = await host.post(DOWN, kind, address, len(octets))
        await ClockCycles(dut.clk, draw.randrange(150, 1100))
        moved.add(host.status(posted)[0])
        cocotb.start_soon(forget(dut, twin))
        await host.device.restart()
        sink.queue.clear()
        host.found()  # the guards are checked there
        assert await host.read("ERROR") == 0 and await host.read("WINDOW_TOP") == 0
        await host.set_up()
        twin.words.clear()
        await store(host, config, twin, 3 * PAGE + 1, draw.randbytes(700), 9)
        await load(host, config, twin, 5 * PAGE + 2, 700, 9)
    assert Outcome.PENDING in moved, "no transfer was under way"


async def forget(dut, twin):
    """The memory is reset as well: it forgets what it was asked for."""
    await RisingEdge(dut.rst)
    twin.queue.clear()
    twin.valid = False
    dut.memory__words__valid.value = 0
