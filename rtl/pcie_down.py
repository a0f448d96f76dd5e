"""Buffers of the host on their way to the board: to the frame parser or into memory."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out

from ..common.pcie import Outcome
from .interfaces import MemorySignature
from .pcie_interfaces import LENGTH_BITS, ReadSignature, bytes_layout
from .pcie_ring import CODE_BITS, job_layout, result_layout
from .word_packer import WordPacker


CHUNK = 512


class DownWorker(Component):
    """Does SEND and STORE, one job at a time: reads the buffer and gives away its bytes or words.

    SEND passes a byte a clock, in pieces of CHUNK bytes, each of which is asked for when there is
    room for all of it: bytes that nobody takes would keep the rings from their descriptors. STORE
    passes a beat or a word a clock, whichever is longer. `moved` counts the buffer's bytes when all
    of them have been taken, else 0.

    Members
    -------
    jobs : In(stream of job_layout), results : Out(stream of result_layout)
    broken : In(CODE_BITS)
        An engine has failed: the job ends with this Outcome, and nothing more is given away.
    reads : Out(ReadSignature(use))
    octets : Out(stream of 8 bits)
    writes : Out(stream of {address, data})
        As of MemorySignature.
    """

    def __init__(self, use, config):
        self._use, self._config = use, config
        super().__init__({
            "jobs": In(stream.Signature(job_layout)),
            "results": Out(stream.Signature(result_layout)),
            "broken": In(CODE_BITS),
            "reads": Out(ReadSignature(use)),
            "octets": Out(stream.Signature(8)),
            "writes": Out(MemorySignature(config).members["writes"].signature),
        })

    def elaborate(self, _platform):
        m = Module()
        beat = bytes_layout(self._use.bytes)
        m.submodules.queue = queue = SyncFIFOBuffered(width=beat.size,
                                                      depth=CHUNK // self._use.bytes)
        m.submodules.octets = octets = WordPacker(self._use.bytes, 1)
        m.submodules.words = words = WordPacker(self._use.bytes, self._config.word_bytes)
        beats = self.reads.bytes
        job = Signal(job_layout)
        word = Signal(self._config.address_bits)
        live = Signal()  # bytes of a job are passed on
        left = Signal(LENGTH_BITS)  # bytes to be asked for
        chunk = Signal(LENGTH_BITS)
        asked = self.reads.commands
        m.d.comb += [
            chunk.eq(Mux(job.memory | (left < CHUNK), left, CHUNK)),
            asked.payload.address.eq(job.address), asked.payload.bytes.eq(chunk),
            words.i.payload.eq(beats.payload), words.i.valid.eq(beats.valid & job.memory),
            queue.w_data.eq(beats.payload), queue.w_en.eq(beats.valid & ~job.memory),
            beats.ready.eq(~job.memory | words.i.ready),
            octets.i.payload.eq(queue.r_data), octets.i.valid.eq(queue.r_rdy),
            queue.r_en.eq(octets.i.ready),
            self.octets.payload.eq(octets.o.payload.word),
            self.octets.valid.eq(octets.o.valid & live),
            octets.o.ready.eq(self.octets.ready & live),
            self.writes.payload.address.eq(word), self.writes.payload.data.eq(words.o.payload.word),
            self.writes.valid.eq(words.o.valid & live), words.o.ready.eq(self.writes.ready & live),
        ]
        over = Signal()
        m.d.comb += over.eq(Cat(octets.o.valid & octets.o.ready & octets.o.payload.last,
                                words.o.valid & words.o.ready & words.o.payload.last).any())
        with m.If(words.o.valid & words.o.ready):
            m.d.sync += word.eq(word + 1)
        result = self.results.payload
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.jobs.ready.eq(1)
                m.d.sync += [job.eq(self.jobs.payload), word.eq(self.jobs.payload.word),
                             left.eq(self.jobs.payload.bytes)]
                with m.If(self.jobs.valid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += asked.valid.eq(1)
                with m.If(asked.ready):
                    m.d.sync += [left.eq(left - chunk), job.address.eq(job.address + chunk)]
                    m.next = "PASS"
                with m.If(self.broken != 0):
                    m.d.sync += [result.outcome.eq(self.broken), result.moved.eq(0)]
                    m.next = "RESULT"
            with m.State("PASS"):
                m.d.comb += live.eq(1)
                m.d.sync += [result.outcome.eq(Outcome.DONE), result.moved.eq(job.bytes)]
                with m.If(over & (left != 0)):
                    m.next = "ASK"
                with m.Elif(over):
                    m.next = "RESULT"
                with m.Elif(self.broken != 0):
                    m.d.sync += [result.outcome.eq(self.broken), result.moved.eq(0)]
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.results.valid.eq(1)
                with m.If(self.results.ready):
                    m.next = "IDLE"
        return m
