"""ReadEngine between a root complex of packets and a taker of bytes."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.pcie import Outcome, PcieUse
from ..rtl.pcie_interfaces import transfer_layout
from .payload import pack
from .pcie_packets import ByteSink, WordSource, pick
from .pcie_root import ReadRoot
from .streams import parameters


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
