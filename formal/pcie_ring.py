"""Ring: it reads entries of its ring, writes their status, and gives out no job that leaves the
window, whatever stands in the descriptors."""

from functools import partial

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Signal, Value
from amaranth.lib.wiring import Component, In

from ..common.pcie import DESCRIPTOR, DOWN, KINDS, MAX_BYTES, MAX_FRAME, MAX_RING, STATUS_AT, UP
from ..common.pcie import Kind, PcieUse
from ..rtl.pcie_interfaces import bytes_layout
from ..rtl.pcie_ring import CODE_BITS, INDEX_BITS, Ring, result_layout
from .box import Box, holds, implies

USE, WORD_BYTES, MEMORY_WORDS, PATIENCE = PcieUse(lanes=2), 16, 5000, 2
HELD = {"base": 64, "size": 32, "low": 64, "top": 64}
FREE = {"tail": INDEX_BITS, "enable": 1, "quiet": 1, "locked": 1, "broken": CODE_BITS}
BEHIND = ("COLLECT", "CHECK", "JOB", "RESULT", "STATUS", "WRITE", "WRITTEN")


class SeenRing(Ring):
    """A Ring that shows whether its descriptor has been asked for."""

    def __init__(self, *arguments, **sizes):
        super().__init__(*arguments, **sizes)
        self.behind = Signal()

    def build_states(self, m):
        fsm = super().build_states(m)
        m.d.comb += self.behind.eq(Cat(fsm.ongoing(state) for state in BEHIND).any())
        return fsm


class Properties(Component):
    """Registers that are held while a descriptor is worked on, but for the doorbell; everything
    else is free: bytes of descriptors, any number of them, results, engines that fail."""

    def __init__(self, number):
        self._number = number
        super().__init__({
            **{name: In(bits) for name, bits in (HELD | FREE).items()},
            "beat": In(bytes_layout(USE.bytes)), "come": In(1), "ask": In(1), "put": In(1),
            "swallow": In(1), "done": In(1), "take": In(1), "result": In(result_layout),
            "end": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = SeenRing(USE, self._number, word_bytes=WORD_BYTES,
                                          memory_words=MEMORY_WORDS, patience=PATIENCE)
        m.d.comb += [
            *(getattr(box, name).eq(getattr(self, name)) for name in HELD | FREE),
            box.reads.commands.ready.eq(self.ask), box.reads.bytes.payload.eq(self.beat),
            box.reads.bytes.valid.eq(self.come), box.writes.commands.ready.eq(self.put),
            box.writes.bytes.ready.eq(self.swallow), box.writes.done.eq(self.done),
            box.jobs.ready.eq(self.take), box.results.payload.eq(self.result),
            box.results.valid.eq(self.end),
        ]
        worked = Signal()
        m.d.sync += worked.eq(box.active)
        for name in HELD:
            before = Signal.like(getattr(self, name), name=f"{name}_before")
            m.d.sync += before.eq(getattr(self, name))
            m.d.comb += Assume(~worked | (getattr(self, name) == before))
        self._entries(m, box)
        self._jobs(m, box)
        return m

    def _entries(self, m, box):
        """`present` is the entry that was read last, and the box behind that."""
        read, write = box.reads.commands, box.writes.commands
        present, asked, fetched = Signal(64), Signal(), Signal()
        place = Signal(65)
        size = Const(DESCRIPTOR.size, 65) << self.size[:MAX_RING.bit_length()]
        inside = Signal()
        m.d.comb += [
            fetched.eq(asked & box.active), place.eq(read.payload.address - self.base),
            inside.eq((read.payload.address >= self.base) & (place < size)
                      & (self.size <= MAX_RING) & ((self.base & (size - 1)[:64]) == 0)
                      & (place % DESCRIPTOR.size == 0)),
            implies(read.valid, inside & (read.payload.bytes == DESCRIPTOR.size)),
            implies(read.valid, ((place >> (DESCRIPTOR.size.bit_length() - 1)) ^ box.head)[:16]
                    & ((size >> (DESCRIPTOR.size.bit_length() - 1)) - 1)[:16] == 0),
            implies(fetched, inside & (read.payload.address == present)),
            implies(write.valid, fetched & (write.payload.address == present + STATUS_AT)
                    & (write.payload.bytes == DESCRIPTOR.size - STATUS_AT)),
            implies(box.writes.bytes.valid, fetched & box.writes.bytes.payload.last
                    & (box.writes.bytes.payload.used == DESCRIPTOR.size - STATUS_AT)),
            Assert(fetched == box.behind),
            Cover(write.valid & (self.size == 2) & (present == self.base + DESCRIPTOR.size)),
        ]
        with m.If(read.valid & read.ready):
            m.d.sync += [present.eq(read.payload.address), asked.eq(1)]
        with m.Elif(~box.active):
            m.d.sync += asked.eq(0)
        for name, stream in (("reads", read), ("writes", write), ("jobs", box.jobs)):
            self._hold(m, stream, name, box)

    def _hold(self, m, stream, name, box):
        """As `holds`, but a command may be taken back when an engine has failed."""
        if name == "writes":
            payload, before = Value.cast(stream.payload), Signal(64 + 25, name=f"{name}_before")
            waited = Signal(name=f"{name}_waited")
            m.d.sync += [waited.eq(stream.valid & ~stream.ready), before.eq(payload)]
            m.d.comb += implies(waited & stream.valid, payload == before)
        else:
            holds(m, stream, name)

    def _jobs(self, m, box):
        """A job lies in the window, and what it wants of the board in its memory."""
        job, given = box.jobs.payload, box.jobs.valid
        end, words = Signal(65), Signal(33)
        m.d.comb += [
            end.eq(job.address + job.bytes - 1),
            words.eq(job.word + (job.bytes + WORD_BYTES - 1) // WORD_BYTES),
            implies(given, (job.bytes >= (1 if self._number == DOWN else MAX_FRAME))
                    & (job.bytes <= MAX_BYTES)),
            implies(given, (job.address >= self.low) & (end <= self.top)),
            implies(given & job.memory, words <= MEMORY_WORDS),
            implies(given & job.load, job.memory & (Kind.LOAD in KINDS[self._number])),
            implies(given & job.memory, Kind.STORE in KINDS[self._number]),
            Cover(given & (self.low != 0) & (end == self.top) & (job.address == self.low)),
        ]


def box_of(name, number, says):
    return Box(name=name, says=says, top=partial(Properties, number), bound=18, cover=45,
               prove="induction", steps=8)


BOXES = (
    box_of("pcie_ring", DOWN,
           "commands are the present entry and its status, within the ring; jobs lie in the window "
           "and in the board's memory, whatever the descriptors say"),
    box_of("pcie_ring_up", UP, "the same of the ring of buffers, which have room for a frame"))
