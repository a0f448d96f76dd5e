"""The workers of a ring's jobs: what they tell the engines to read or write lies in the job's
buffer. With Ring and the engines that is: no request outside a ring or an entry's buffer."""

from amaranth.hdl import Assert, Assume, Cover, Module, Signal, Value
from amaranth.lib.wiring import Component, In

from ..common.config import preset
from ..common.pcie import MAX_BYTES, MAX_FRAME, PcieUse
from ..rtl.pcie_down import DownWorker
from ..rtl.pcie_interfaces import LENGTH_BITS, bytes_layout
from ..rtl.pcie_load import LoadWorker
from ..rtl.pcie_receive import ReceiveWorker
from ..rtl.pcie_ring import CODE_BITS, job_layout
from .box import Box, implies

USE = PcieUse(lanes=2)
CONFIG = preset("tiny", memory_words=1 << 16)


class Worker(Component):
    """Free jobs of what Ring gives out, free engines, which may fail."""

    def __init__(self, members):
        super().__init__({"job": In(job_layout), "give": In(1), "ask": In(1), "end": In(1),
                          "broken": In(CODE_BITS)} | members)

    def build(self, m, box, commands, least=1):
        """`mine` is the job that was taken last; nothing is asked for beyond its buffer, and a
        command waits unchanged, unless it is given up."""
        self.mine = mine = Signal(job_layout)
        right = [(job.bytes >= least) & (job.bytes <= MAX_BYTES)
                 & (((job.address + job.bytes - 1) >> 64) == 0) for job in (self.job, mine)]
        m.d.comb += [
            box.jobs.payload.eq(self.job), box.jobs.valid.eq(self.give),
            box.broken.eq(self.broken), box.results.ready.eq(self.end),
            commands.ready.eq(self.ask), Assume(right[0]), implies(~box.jobs.ready, right[1]),
        ]
        with m.If(box.jobs.valid & box.jobs.ready):
            m.d.sync += mine.eq(self.job)
        command = commands.payload
        place = (command.address - mine.address).as_unsigned()
        m.d.comb += [
            implies(commands.valid, (command.bytes >= 1) & (command.address >= mine.address)
                    & (place + command.bytes <= mine.bytes)),
            implies(commands.valid, ~box.jobs.ready),
        ]

        payload = Value.cast(command)
        waited, before = Signal(), Signal(len(payload))
        m.d.sync += [waited.eq(commands.valid & ~commands.ready), before.eq(payload)]
        m.d.comb += implies(waited & commands.valid, payload == before)


class Down(Worker):
    def __init__(self):
        super().__init__({"beat": In(bytes_layout(USE.bytes)), "come": In(1), "drain": In(1),
                          "put": In(1), "peek_left": In(LENGTH_BITS), "peek_job": In(job_layout)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = DownWorker(USE, CONFIG)
        self.build(m, box, box.reads.commands)
        m.d.comb += [
            box.reads.bytes.payload.eq(self.beat), box.reads.bytes.valid.eq(self.come),
            box.octets.ready.eq(self.drain), box.writes.ready.eq(self.put),
        ]
        now, mine, left = self.peek_job, self.mine, self.peek_left
        m.d.comb += [
            implies(~box.jobs.ready, (left <= mine.bytes) & (now.memory == mine.memory)
                    & (((now.address + left) ^ (mine.address + mine.bytes))[:64] == 0)),
            implies(box.reads.commands.valid, left != 0),
            # What the next chunk begins with was all of the last one.
            implies(box.reads.commands.valid & ~mine.memory & (left > 512),
                    box.reads.commands.payload.bytes == 512),
            Cover(box.reads.commands.valid & ~mine.memory & (left < mine.bytes) & (left == 5)),
            Cover(box.results.valid & mine.memory & (mine.bytes == 32)),
        ]
        return m


class Load(Worker):
    """Requests to the memory lie in the words of the job that was begun last."""

    def __init__(self):
        super().__init__({"word": In(CONFIG.word_bits), "come": In(1), "put": In(1), "done": In(1),
                          "drain": In(1), "peek_left": In(LENGTH_BITS), "peek_job": In(job_layout)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = LoadWorker(USE, CONFIG)
        self.build(m, box, box.writes.commands)
        m.d.comb += [
            box.requests.ready.eq(self.put), box.words.payload.eq(self.word),
            box.words.valid.eq(self.come), box.writes.bytes.ready.eq(self.drain),
            box.writes.done.eq(self.done),
        ]
        size, begun = CONFIG.word_bytes, Signal(job_layout)
        given, mine, end = (job.word + (job.bytes + size - 1) // size
                            for job in (self.job, self.mine, begun))
        m.d.comb += [Assume(given <= CONFIG.memory_words),
                     implies(~box.jobs.ready, mine <= CONFIG.memory_words)]
        with m.If(box.writes.commands.valid & box.writes.commands.ready):
            m.d.sync += begun.eq(self.mine)
        request = box.requests.payload
        m.d.comb += [
            implies(~box.jobs.ready, self.peek_job == self.mine),
            implies(self.peek_left != 0, (request.address + self.peek_left == end)
                    & (request.address >= begun.word) & (end <= CONFIG.memory_words)),
            implies(box.requests.valid, (request.words != 0) & (request.address >= begun.word)
                    & (request.address + request.words <= end)),
            Cover(box.requests.valid & (begun.bytes == 3 * size) & (request.words == 3)),
        ]
        return m


class Receive(Worker):
    """Any bytes come as frames; RING gives out no buffer shorter than the longest frame."""

    def __init__(self):
        super().__init__({"octet": In(8), "come": In(1), "done": In(1), "drain": In(1),
                          "peek_place": In(range(MAX_FRAME + 1)), "peek_full": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = ReceiveWorker(USE)
        self.build(m, box, box.writes.commands, least=MAX_FRAME)
        m.d.comb += [
            box.frames.payload.eq(self.octet), box.frames.valid.eq(self.come),
            box.writes.bytes.ready.eq(self.drain), box.writes.done.eq(self.done),
        ]
        filled = box.writes.commands.payload.bytes
        m.d.comb += [
            implies(~box.jobs.ready, box.writes.commands.payload.address == self.mine.address),
            Assert(self.peek_full == ~box.frames.ready),
            implies(box.frames.ready, self.peek_place < MAX_FRAME),
            implies(~box.frames.ready, (filled >= 1) & (filled <= MAX_FRAME)),
            Cover(box.writes.commands.valid & (filled == 10)),
        ]
        return m


def box_of(name, top, peeks, says, **more):
    return Box(name=name, says=says, top=top, bound=10, prove="induction", steps=2,
               peeks={f"peek_{short}": f"box.{long}" for short, long in peeks.items()}, **more)


BOXES = (
    box_of("pcie_down", Down, {"left": "left", "job": "job"}, cover=20,
           says="SEND and STORE read the job's buffer from its first byte on and nothing else"),
    box_of("pcie_load", Load, {"left": "left", "job": "job"}, cover=12,
           says="LOAD writes the job's buffer and asks for the words of the job and for no others"),
    box_of("pcie_receive", Receive, {"place": "store.place", "full": "store.full"}, cover=16,
           says="RECEIVE writes the buffer from its first byte on, and at most the longest frame"),
)
