"""A ring of descriptors in host memory: fetched, checked, given out as jobs, and their outcome."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.pcie import (DESCRIPTOR, INTERRUPT, KINDS, MAX_BYTES, MAX_FRAME, MAX_RING, STATUS_AT,
                           Kind, Outcome)
from .pcie_interfaces import LENGTH_BITS, ReadSignature, WriteSignature

INDEX_BITS = 16
CODE_BITS = 8
WORD_BITS = 32
SIZE_BITS = MAX_RING.bit_length()

job_layout = data.StructLayout({
    "memory": 1,  # STORE or LOAD, else SEND or RECEIVE
    "load": 1,  # LOAD
    "address": 64, "bytes": LENGTH_BITS, "word": WORD_BITS,
})
result_layout = data.StructLayout({"outcome": CODE_BITS, "moved": LENGTH_BITS})
# common.pcie.DESCRIPTOR up to the status.
descriptor_layout = data.StructLayout({
    "address": 64, "bytes": 32, "kind": 16, "flags": 16, "word": WORD_BITS, "unused": 32})
assert descriptor_layout.size == 8 * STATUS_AT


def entry_bits():
    """Bits of an offset inside a descriptor."""
    return (DESCRIPTOR.size - 1).bit_length()


class Ring(Component):
    """Works through the descriptors of one ring in order (docs/pcie.md, Rings).

    It reads nothing but entries of its ring and writes nothing but their status; whoever does the
    job keeps to the buffer, which lies inside the window. After a failure it rests, and `head`
    stays, until it is reset.

    Parameters
    ----------
    use : PcieUse
    number : int
        DOWN or UP: which kinds it knows.
    word_bytes : int
        Of the board's memory; a power of two.
    memory_words : int
        The same.
    patience : int
        Clocks; longer than any request of docs/link.md takes.

    Members
    -------
    base : In(64), size : In(32), tail : In(16), low : In(64), top : In(64)
        Registers; held while a descriptor is worked on.
    enable : In(1)
        New descriptors are begun.
    claims : Out(1)
        The present descriptor is a STORE or LOAD; from before `locked` counts until it is done.
    quiet : In(1)
        Whoever else uses the memory rests, and while `claims` is high stays at rest.
    locked : In(1)
        The memory belongs to a run: STORE and LOAD are refused, as when it is not `quiet` within
        `patience` clocks.
    broken : In(CODE_BITS)
        An engine has failed, with this Outcome: what is under way ends with it.
    head : Out(16)
    active : Out(1)
        A descriptor is being worked on.
    reads : Out(ReadSignature), writes : Out(WriteSignature)
        Descriptors, and their status.
    jobs : Out(stream of job_layout), results : In(stream of result_layout)
        One result for each job, in order. `moved` counts what reached or left the buffer.
    done : Out(1)
        Pulse: a descriptor with INTERRUPT is done, its status on the way.
    failure : Out(CODE_BITS)
        Outcome of the descriptor `head`, or 0; held until reset.
    """

    def __init__(self, use, number, *, word_bytes, memory_words, patience):
        self._use, self._kinds = use, KINDS[number]
        self._word_bytes, self._memory_words = word_bytes, memory_words
        self._patience = patience
        super().__init__({
            "base": In(64), "size": In(32), "tail": In(INDEX_BITS), "low": In(64), "top": In(64),
            "enable": In(1), "claims": Out(1), "quiet": In(1), "locked": In(1),
            "broken": In(CODE_BITS), "head": Out(INDEX_BITS), "active": Out(1),
            "reads": Out(ReadSignature(use)), "writes": Out(WriteSignature(use)),
            "jobs": Out(stream.Signature(job_layout)),
            "results": In(stream.Signature(result_layout)),
            "done": Out(1), "failure": Out(CODE_BITS),
        })

    def elaborate(self, _platform):
        m = Module()
        self.descriptor = Signal(descriptor_layout)
        self.outcome = Signal(CODE_BITS)
        self.moved = Signal(LENGTH_BITS)
        entry = Signal(64)  # address of the present descriptor
        m.d.sync += entry.eq(self.base | (self.index() << entry_bits()))
        m.d.comb += [
            self.reads.commands.payload.address.eq(entry),
            self.reads.commands.payload.bytes.eq(DESCRIPTOR.size),
            self.writes.commands.payload.address.eq(entry | STATUS_AT),
            self.writes.commands.payload.bytes.eq(DESCRIPTOR.size - STATUS_AT),
        ]
        self.build_job(m)
        self.build_checks(m)
        self.build_status(m)
        self.build_states(m)
        return m

    def index(self):
        """Of the present descriptor in the ring."""
        entries = Const(1, MAX_RING + 1) << self.size[:SIZE_BITS]
        return self.head[:MAX_RING] & (entries - 1)[:MAX_RING]

    def build_job(self, m):
        given, job = self.descriptor, self.jobs.payload
        m.d.comb += [job.load.eq(given.kind == Kind.LOAD),
                     job.memory.eq((given.kind == Kind.STORE) | job.load),
                     job.address.eq(given.address), job.bytes.eq(given.bytes),
                     job.word.eq(given.word)]

    def build_checks(self, m):
        """`outcome_checked`: what is wrong with ring and descriptor; a few clocks behind them."""
        given, size = self.descriptor, self._word_bytes.bit_length() - 1
        self.bad_ring = Signal()
        filled = (self.tail - self.head)[:INDEX_BITS]
        entries = Const(1, MAX_RING + 1) << self.size[:SIZE_BITS]
        offset = ((entries << entry_bits()) - 1)[:entry_bits() + MAX_RING]
        m.d.sync += self.bad_ring.eq((filled > entries) | (self.base & offset).any()
                                       | self.size[SIZE_BITS:].any())
        last = Signal(65)  # byte of the buffer
        words = Signal(LENGTH_BITS)
        end = Signal(WORD_BITS + 1)
        tests = {name: Signal(name=f"bad_{name}") for name in
                 ("kind", "length", "wrap", "low", "top", "words")}
        memory = self.jobs.payload.memory
        receive = given.kind == Kind.RECEIVE
        m.d.sync += [
            last.eq(given.address + given.bytes - 1),
            words.eq((given.bytes[:LENGTH_BITS] + (self._word_bytes - 1)) >> size),
            end.eq(given.word + words),
            tests["kind"].eq(~given.kind.matches(*self._kinds)),
            tests["length"].eq((given.bytes == 0) | (given.bytes > MAX_BYTES)
                               | (receive & (given.bytes < MAX_FRAME))),
            tests["wrap"].eq(last[64]), tests["low"].eq(given.address < self.low),
            tests["top"].eq(last[:64] > self.top),
            tests["words"].eq(memory & (end > self._memory_words)),
        ]
        self.checked = Signal(CODE_BITS)
        with m.If(tests["kind"]):
            m.d.sync += self.checked.eq(Outcome.BAD_KIND)
        with m.Elif(tests["length"]):
            m.d.sync += self.checked.eq(Outcome.BAD_LENGTH)
        with m.Elif(tests["wrap"] | tests["low"] | tests["top"]):
            m.d.sync += self.checked.eq(Outcome.BAD_ADDRESS)
        with m.Elif(tests["words"]):
            m.d.sync += self.checked.eq(Outcome.BAD_WORDS)
        with m.Elif(memory & (self.locked | ~self.quiet)):
            m.d.sync += self.checked.eq(Outcome.BUSY)
        with m.Else():
            m.d.sync += self.checked.eq(Outcome.DONE)

    CHECK_CLOCKS = 4  # descriptor, sums, tests, outcome

    def build_status(self, m):
        """The two dwords that go back, in beats."""
        count = self._use.bytes
        left = Signal(64)
        beats = self.writes.bytes
        m.d.comb += [Cat(*beats.payload.octets).eq(left),
                     beats.payload.used.eq(min(8, count)), beats.payload.last.eq(1)]
        assert count >= 8, "the status is one beat"
        m.d.comb += left.eq(Cat(Const(0, 0), self.outcome, Const(0, 32 - CODE_BITS), self.moved))

    def build_states(self, m):
        reads, writes = self.reads, self.writes
        wait = Signal(range(self.CHECK_CLOCKS + 1))
        impatience = Signal(range(self._patience + 1))
        memory = self.jobs.payload.memory
        work = self.enable & (self.head != self.tail) & (self.broken == 0)
        collected = Signal(8 * DESCRIPTOR.size)
        m.d.comb += self.descriptor.eq(collected[:descriptor_layout.size])
        m.d.sync += wait.eq(Mux(wait == 0, 0, wait - 1))
        with m.FSM() as fsm:
            m.d.comb += [self.active.eq(~fsm.ongoing("IDLE") & ~fsm.ongoing("FAILED")),
                         self.claims.eq(memory & (fsm.ongoing("CHECK") | fsm.ongoing("JOB")
                                                  | fsm.ongoing("RESULT")))]
            with m.State("IDLE"):
                m.d.sync += wait.eq(2)
                with m.If(work):
                    m.next = "RING"
            with m.State("RING"):  # entry and bad_ring follow head and tail
                with m.If((wait == 0) & self.bad_ring):
                    self.fail(m, Outcome.BAD_RING)
                with m.Elif(wait == 0):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += reads.commands.valid.eq(1)
                with m.If(reads.commands.ready):
                    m.next = "COLLECT"
            with m.State("COLLECT"):
                m.d.comb += reads.bytes.ready.eq(1)
                m.d.sync += [wait.eq(self.CHECK_CLOCKS), impatience.eq(self._patience)]
                with m.If(reads.bytes.valid):
                    m.d.sync += collected.eq(Cat(collected, *reads.bytes.payload.octets)
                                             [8 * self._use.bytes:])
                    with m.If(reads.bytes.payload.last):
                        m.next = "CHECK"
                with m.If(self.broken != 0):
                    self.fail(m, self.broken)
            with m.State("CHECK"):
                m.d.sync += [self.outcome.eq(self.checked), self.moved.eq(0)]
                with m.If(memory & ~self.quiet & (impatience != 0)):
                    m.d.sync += [wait.eq(self.CHECK_CLOCKS), impatience.eq(impatience - 1)]
                with m.Elif((wait == 0) & (self.checked == Outcome.DONE)):
                    m.next = "JOB"
                with m.Elif(wait == 0):
                    m.next = "STATUS"
            with m.State("JOB"):
                m.d.comb += self.jobs.valid.eq(1)
                with m.If(self.jobs.ready):
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.results.ready.eq(1)
                m.d.sync += [self.outcome.eq(self.results.payload.outcome),
                             self.moved.eq(self.results.payload.moved)]
                with m.If(self.results.valid):
                    m.next = "STATUS"
            with m.State("STATUS"):
                m.d.comb += writes.commands.valid.eq(1)
                with m.If(writes.commands.ready):
                    m.next = "WRITE"
                with m.Elif(self.broken == Outcome.BUS_MASTER):
                    self.fail(m, self.broken)
            with m.State("WRITE"):
                m.d.comb += writes.bytes.valid.eq(1)
                with m.If(writes.bytes.ready):
                    m.next = "WRITTEN"
                with m.Elif(self.broken == Outcome.BUS_MASTER):
                    self.fail(m, self.broken)
            with m.State("WRITTEN"):
                with m.If(writes.done & (self.outcome == Outcome.DONE)):
                    m.d.comb += self.done.eq((self.descriptor.flags & INTERRUPT) != 0)
                    m.d.sync += self.head.eq(self.head + 1)
                    m.next = "IDLE"
                with m.Elif(writes.done):
                    self.fail(m, self.outcome)
                with m.Elif(self.broken == Outcome.BUS_MASTER):
                    self.fail(m, self.broken)
            with m.State("FAILED"):
                pass
        return fsm

    def fail(self, m, code):
        m.d.sync += self.failure.eq(code)
        m.next = "FAILED"
