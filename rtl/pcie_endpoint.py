"""The endpoint behind an UltraScale+ block: registers, two rings, DMA both ways, interrupts."""

from math import ceil

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.link import POLL_SECONDS
from ..common.pcie import (DOWN, EVENT_DONE, EVENT_ERROR, STATUS_BUSY, STATUS_MASTER, STATUS_RUN,
                           STATUS_STOPPED, UP, Outcome)
from .interfaces import MemorySignature
from .pcie_arbiter import RequestArbiter
from .pcie_down import DownWorker
from .pcie_interfaces import AxiStreamSignature
from .pcie_interrupts import Interrupts
from .pcie_load import LoadWorker
from .pcie_read import ReadEngine
from .pcie_receive import ReceiveWorker
from .pcie_registers import BarRegisters
from .pcie_ring import CODE_BITS, Ring
from .pcie_usplus import CC_USER, CQ_USER, RC_USER, RQ_USER, CompleterShim, RequesterShim
from .pcie_write import WriteEngine
from .transfer_share import ReadShare, WriteShare

BUS_MASTER = 2  # bit of cfg_function_status
NAMES = {DOWN: "DOWN", UP: "UP"}


def block_ports(lanes):
    """Ports for the block, with its names (PG213)."""
    return {
        "cq": In(AxiStreamSignature(lanes, CQ_USER)), "cc": Out(AxiStreamSignature(lanes, CC_USER)),
        "rq": Out(AxiStreamSignature(lanes, RQ_USER)), "rc": In(AxiStreamSignature(lanes, RC_USER)),
        "pcie_cq_np_req": Out(2), "cfg_max_payload": In(2), "cfg_max_read_req": In(3),
        "cfg_function_status": In(16), "cfg_interrupt_msi_int": Out(32),
        "cfg_interrupt_msi_sent": In(1), "cfg_interrupt_msi_fail": In(1),
        "cfg_interrupt_msi_enable": In(4),
    }


class PcieEndpoint(Component):
    """All boxes of docs/pcie.md between the block and the machine's link.

    A reset by CONTROL acts at once on rings and engines; a packet that has begun is finished, and
    words of the memory that were asked for are waited for, with STATUS busy meanwhile.

    Parameters
    ----------
    use : PcieUse
    config : Config
        Its words must have a power of two of bytes.

    Members
    -------
    block_ports(use.lanes)
    o : Out(stream of 8 bits), i : In(stream of 8 bits)
        Frames of docs/link.md, from the host and to it.
    memory : Out(MemorySignature)
        Used only while `claims` is high.
    claims : Out(1), quiet : In(1)
        The endpoint needs the memory, and waits until it is `quiet`.
    locked : In(1)
        The memory belongs to a run.
    active : Out(1)
        Something other than a RECEIVE is under way.
    """

    def __init__(self, use, config):
        if config.word_bytes.bit_count() != 1:
            raise ValueError(f"words of {config.word_bytes} bytes: DMA needs a power of two")
        self._use, self._config = use, config
        super().__init__(block_ports(use.lanes) | {
            "o": Out(stream.Signature(8)), "i": In(stream.Signature(8)),
            "memory": Out(MemorySignature(config)),
            "claims": Out(1), "quiet": In(1), "locked": In(1), "active": Out(1),
        })

    def elaborate(self, _platform):
        m = Module()
        m.submodules.bar = self.bar = BarRegisters(self._use.lanes)
        self.registers = self.bar.registers
        self.ending = Signal()  # reset by the host
        self.master = Signal()
        self.error = Signal(32)
        self.broken = Signal(CODE_BITS)
        m.d.sync += self.master.eq(self.cfg_function_status[BUS_MASTER])
        self.build_block(m)
        self.build_engines(m)
        self.build_rings(m)
        self.build_workers(m)
        self.build_state(m)
        self.build_counters(m)
        return m

    def resettable(self, m, name, box):
        """Makes `box` a submodule that a reset by the host resets."""
        m.submodules[name] = ResetInserter(self.ending)(box)
        return box

    def build_block(self, m):
        """Shims, registers, interrupts."""
        m.submodules.completer = completer = CompleterShim(self._use.lanes)
        m.submodules.requester = self.requester = RequesterShim(self._use.lanes)
        m.submodules.interrupts = interrupts = Interrupts()
        for name, shim in (("cq", completer), ("rc", self.requester)):
            connect(m, flipped(getattr(self, name)), getattr(shim, name))
        for name, shim in (("cc", completer), ("rq", self.requester)):
            connect(m, getattr(shim, name), flipped(getattr(self, name)))
        connect(m, completer.host_requests, self.bar.host_requests)
        connect(m, self.bar.host_completions, completer.host_completions)
        m.d.comb += [
            self.pcie_cq_np_req.eq(completer.pcie_cq_np_req),
            interrupts.events.eq(self.registers.events),
            interrupts.pending.eq(self.registers.pending),
            interrupts.mask.eq(self.registers.values.EVENT_MASK),
            *(getattr(interrupts, name).eq(getattr(self, name)) for name in (
                "cfg_interrupt_msi_sent", "cfg_interrupt_msi_fail", "cfg_interrupt_msi_enable")),
            self.cfg_interrupt_msi_int.eq(interrupts.cfg_interrupt_msi_int),
        ]

    def build_engines(self, m):
        """DMA, and whose it is."""
        m.submodules.read = self.read = ReadEngine(self._use)
        m.submodules.write = self.write = WriteEngine(self._use)
        m.submodules.arbiter = arbiter = RequestArbiter(self._use.lanes)
        m.submodules.readers = self.readers = ReadShare(self._use, 3)
        m.submodules.writers = self.writers = WriteShare(self._use, 4)
        connect(m, self.readers.engine, self.read.reads)
        connect(m, self.writers.engine, self.write.writes)
        connect(m, self.read.requests, arbiter.i[0])
        connect(m, self.write.requests, arbiter.i[1])
        connect(m, arbiter.o, self.requester.requests)
        connect(m, self.requester.completions, self.read.completions)
        m.d.comb += [
            self.read.max_read.eq(self.cfg_max_read_req),
            self.write.max_payload.eq(self.cfg_max_payload),
            *(engine.master.eq(self.master) for engine in (self.read, self.write)),
            *(box.clear.eq(self.registers.reset)
              for box in (self.read, self.write, self.readers, self.writers)),
        ]
        m.d.sync += self.broken.eq(
            Mux(self.write.failure != 0, self.write.failure, self.read.failure))

    def build_rings(self, m):
        values, config = self.registers.values, self._config
        patience = ceil(2 * config.clock_hz * POLL_SECONDS)
        self.rings = [self.resettable(m, f"ring_{name.lower()}", Ring(
            self._use, number, word_bytes=config.word_bytes, memory_words=config.memory_words,
            patience=patience)) for number, name in NAMES.items()]
        for number, ring in enumerate(self.rings):
            name = NAMES[number]
            connect(m, ring.reads, self.readers.users[number])
            connect(m, ring.writes, self.writers.users[number])
            m.d.comb += [
                ring.base.eq(Cat(values[f"{name}_BASE_LOW"], values[f"{name}_BASE_HIGH"])),
                ring.size.eq(values[f"{name}_SIZE"]), ring.tail.eq(values[f"{name}_TAIL"]),
                ring.low.eq(Cat(values.WINDOW_LOW, values.WINDOW_LOW_HIGH)),
                ring.top.eq(Cat(values.WINDOW_TOP, values.WINDOW_TOP_HIGH)),
                ring.enable.eq(self.registers.enable & self.master & (self.error == 0)
                               & ~self.ending),
                ring.quiet.eq(self.quiet), ring.locked.eq(self.locked),
                ring.broken.eq(self.broken), self.registers.reads[f"{name}_HEAD"].eq(ring.head),
            ]

    def build_workers(self, m):
        """SEND and STORE; LOAD, the rest of the same ring; RECEIVE."""
        config, (down, up) = self._config, self.rings
        self.down = self.resettable(m, "down", DownWorker(self._use, config))
        self.up = self.resettable(m, "up", ReceiveWorker(self._use))
        self.loader = LoadWorker(self._use, config)
        drained = Signal()  # it may be reset
        m.submodules.loader = ResetInserter(drained)(self.loader)
        connect(m, up.jobs, self.up.jobs)
        connect(m, self.up.results, up.results)
        load, loads = down.jobs.payload.load, Signal()
        for worker, chosen in ((self.down, ~load), (self.loader, load)):
            m.d.comb += [worker.jobs.payload.eq(down.jobs.payload),
                         worker.jobs.valid.eq(down.jobs.valid & chosen)]
        m.d.comb += down.jobs.ready.eq(Mux(load, self.loader.jobs.ready, self.down.jobs.ready))
        with m.If(down.jobs.valid):
            m.d.sync += loads.eq(load)
        result = Mux(loads, self.loader.results.payload.as_value(),
                          self.down.results.payload.as_value())
        m.d.comb += [
            down.results.payload.as_value().eq(result),
            down.results.valid.eq(Mux(loads, self.loader.results.valid, self.down.results.valid)),
            self.loader.results.ready.eq(down.results.ready & loads),
            self.down.results.ready.eq(down.results.ready & ~loads),
        ]
        connect(m, self.down.reads, self.readers.users[2])
        connect(m, self.up.writes, self.writers.users[2])
        connect(m, self.loader.writes, self.writers.users[3])
        connect(m, self.down.octets, flipped(self.o))
        connect(m, flipped(self.i), self.up.frames)
        connect(m, self.down.writes, flipped(self.memory.writes))
        connect(m, self.loader.requests, flipped(self.memory.requests))
        connect(m, flipped(self.memory.words), self.loader.words)
        m.d.comb += [
            drained.eq(self.ending & self.loader.drained), self.down.broken.eq(self.broken),
            self.up.broken.eq(self.broken),
            self.loader.broken.eq(Mux(self.ending, Outcome.TIMEOUT, self.broken)),
            self.claims.eq(down.claims | (self.ending & ~self.loader.drained)),
        ]
        with m.If(self.registers.reset):
            m.d.sync += self.ending.eq(1)
        with m.Elif(drained):
            m.d.sync += self.ending.eq(0)

    def build_state(self, m):
        """STATUS, ERROR, EVENTS."""
        down, up = self.rings
        reads, failed = self.registers.reads, Signal()
        working = Signal()
        m.d.comb += [
            working.eq(down.active | self.ending), self.active.eq(working),
            reads.STATUS.eq(Mux(working, STATUS_BUSY, 0) | Mux(self.error != 0, STATUS_STOPPED, 0)
                            | Mux(self.master, STATUS_MASTER, 0)
                            | Mux(self.locked, STATUS_RUN, 0)),
            reads.ERROR.eq(self.error), reads.CLOCK_HZ.eq(self._config.clock_hz),
            self.registers.events.eq(Mux(down.done | up.done, EVENT_DONE, 0)
                                     | Mux(failed, EVENT_ERROR, 0)),
        ]
        with m.If(self.error == 0):
            for number, ring in reversed(list(enumerate(self.rings))):
                with m.If(ring.failure != 0):
                    m.d.sync += self.error.eq(Cat(ring.failure, Const(number, 8), ring.head))
                    m.d.comb += failed.eq(1)
        with m.If(self.ending):
            m.d.sync += self.error.eq(0)

    def build_counters(self, m):
        reads = self.registers.reads
        m.d.sync += reads.CLOCKS.eq(reads.CLOCKS + self.rings[DOWN].claims)
        for name, worker in (("READ_BYTES", self.down), ("LOADED_BYTES", self.loader)):
            with m.If(worker.results.valid & worker.results.ready):
                m.d.sync += reads[name].eq(reads[name] + worker.results.payload.moved)
        with m.If(self.ending):
            m.d.sync += [reads[name].eq(0) for name in ("CLOCKS", "READ_BYTES", "LOADED_BYTES")]
