"""Words of the board's memory on their way to the host's buffers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.pcie import Outcome
from .interfaces import MemorySignature
from .pcie_interfaces import LENGTH_BITS, WriteSignature
from .pcie_ring import CODE_BITS, job_layout, result_layout
from .word_packer import WordUnpacker

BURSTS = 4  # that the queue holds


class LoadWorker(Component):
    """Does LOAD, one job at a time: reads words of the memory, writes them to the buffer.

    It asks for no more words than it has room for and passes a beat or a word a clock, whichever is
    longer. `moved` counts the buffer's bytes once they have been written.

    Members
    -------
    jobs : In(stream of job_layout), results : Out(stream of result_layout)
    broken : In(CODE_BITS)
        An engine has failed: the job ends with this Outcome, and no more words are asked for.
    drained : Out(1)
        No word that was asked for is still to come, and none is being asked for.
    writes : Out(WriteSignature(use))
    requests : Out(stream of {address, words}), words : In(stream of word_bits)
        As of MemorySignature.
    """

    def __init__(self, use, config):
        self._use, self._config = use, config
        super().__init__({
            "jobs": In(stream.Signature(job_layout)),
            "results": Out(stream.Signature(result_layout)),
            "broken": In(CODE_BITS), "drained": Out(1), "writes": Out(WriteSignature(use)),
            "requests": Out(MemorySignature(config).members["requests"].signature),
            "words": In(stream.Signature(config.word_bits)),
        })

    def elaborate(self, _platform):
        m = Module()
        m.submodules.unpacker = unpacker = WordUnpacker(self._use.bytes, self._config.word_bytes)
        self.job = Signal(job_layout)
        self.begin = Signal()
        connect(m, unpacker.o, flipped(self.writes.bytes))
        m.d.comb += [
            unpacker.bytes.eq(self.job.bytes), unpacker.start.eq(self.begin),
            self.writes.commands.payload.address.eq(self.job.address),
            self.writes.commands.payload.bytes.eq(self.job.bytes),
        ]
        self.build_memory(m, unpacker)
        self.build_states(m)
        return m

    def build_memory(self, m, unpacker):
        """Bursts of words, as far as the queue has room."""
        burst = self._config.burst_words
        depth = BURSTS * burst
        size = self._config.word_bytes.bit_length() - 1
        m.submodules.queue = queue = SyncFIFOBuffered(width=self._config.word_bits, depth=depth)
        address, left = Signal(self._config.address_bits), Signal(LENGTH_BITS)
        room = Signal(range(depth + 1), init=depth)
        due = Signal(range(depth + 1))  # words asked for that have not come
        request = self.requests.payload
        asked = Mux(self.requests.valid & self.requests.ready, request.words, 0)
        m.d.comb += [
            request.address.eq(address), request.words.eq(Mux(left < burst, left, burst)),
            self.requests.valid.eq((left != 0) & (room >= burst)),
            self.words.ready.eq(1), queue.w_data.eq(self.words.payload),
            queue.w_en.eq(self.words.valid),
            unpacker.i.valid.eq(queue.r_rdy), unpacker.i.payload.eq(queue.r_data),
            queue.r_en.eq(unpacker.i.ready), self.drained.eq((due == 0) & (left == 0)),
        ]
        m.d.sync += [room.eq(room - asked + (queue.r_rdy & queue.r_en)),
                     due.eq(due + asked - self.words.valid)]
        with m.If(self.begin):
            m.d.sync += [address.eq(self.job.word),
                         left.eq((self.job.bytes + (self._config.word_bytes - 1)) >> size)]
        with m.Elif((self.broken != 0) & (~self.requests.valid | self.requests.ready)):
            m.d.sync += left.eq(0)
        with m.Elif(self.requests.valid & self.requests.ready):
            m.d.sync += [address.eq(address + request.words), left.eq(left - request.words)]

    def build_states(self, m):
        commands = self.writes.commands
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.jobs.ready.eq(1)
                m.d.sync += self.job.eq(self.jobs.payload)
                with m.If(self.jobs.valid):
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += [commands.valid.eq(1), self.begin.eq(commands.ready)]
                with m.If(self.begin):
                    m.next = "MOVE"
                with m.Elif(self.broken != 0):
                    self.end(m, self.broken, 0)
            with m.State("MOVE"):
                with m.If(self.writes.done):
                    self.end(m, Outcome.DONE, self.job.bytes)
                with m.Elif(self.broken != 0):
                    self.end(m, self.broken, 0)
            with m.State("RESULT"):
                m.d.comb += self.results.valid.eq(1)
                with m.If(self.results.ready):
                    m.next = "IDLE"

    def end(self, m, outcome, moved):
        result = self.results.payload
        m.d.sync += [result.outcome.eq(outcome), result.moved.eq(moved)]
        m.next = "RESULT"
