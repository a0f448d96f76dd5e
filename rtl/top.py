"""A whole machine without a board: pins of the serial line on one side, a memory on the other."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .accelerator import Accelerator
from .interfaces import MemorySignature
from .link import Link
from .reset_chain import ResetChain
from .stream_buffer import StreamBuffer


class Top(Component):
    """Link and Accelerator sharing one memory.

    The link uses the memory only while no run is open, and its reads wait for the words that the
    accelerator has asked for, as it does after a reset while the memory may not be ready yet. So
    words need no tag: they belong to the side that asked last. `contents` is the model of a
    resident Config, as of Accelerator.

    Members
    -------
    uart : {rx In(1), tx Out(1)} as `uart__rx`, `uart__tx`
    memory : Out(MemorySignature)
    busy : Out(1)
        Something is under way: the clock must keep running.
    status_ready, status_error : Out(1)
        For lamps.
    """

    def __init__(self, config, contents=None):
        self.config, self.contents = config, contents
        super().__init__(self.link_ports() | {
            "memory": Out(MemorySignature(config)), "busy": Out(1),
            "status_ready": Out(1), "status_error": Out(1)})

    def link_ports(self):
        """Ports of the link."""
        return {"uart__rx": In(1, init=1), "uart__tx": Out(1, init=1)}

    def make_link(self):
        """The link, whose own ports `connect_link` connects."""
        return Link(self.config)

    def connect_link(self, m, link):
        m.d.comb += [link.rx.eq(self.uart__rx), self.uart__tx.eq(link.tx)]

    def elaborate(self, platform):
        m = Module()
        link, accelerator = self.make_link(), Accelerator(self.config, self.contents)
        resets = ResetChain(m, 2)
        resets.add("link", link)
        resets.add("accelerator", accelerator)
        connect(m, link.machine, accelerator.control)
        status = accelerator.control.status
        self._share_memory(m, link.memory, accelerator.memory)
        self.connect_link(m, link)
        m.d.comb += [
            self.busy.eq(link.active | status.busy | ~(status.ready | (status.error != 0))),
            self.status_ready.eq(status.ready), self.status_error.eq(status.error != 0),
        ]
        return m

    def _share_memory(self, m, link, accelerator):
        """The accelerator's requests go first; only the link writes.

        The link is large, and in no hurry: registers both ways. A write is in its buffer before a
        read that is to see it comes, and the memory takes it first.
        """
        memory = self.memory
        links = Signal()
        m.submodules.link_requests = reads = StreamBuffer(link.requests.payload.shape())
        m.submodules.link_writes = writes = StreamBuffer(link.writes.payload.shape())
        connect(m, link.requests, reads.i)
        connect(m, link.writes, writes.i)
        connect(m, writes.o, flipped(memory.writes))
        due = Signal(range(self.config.prefetch_words + 1))  # words for the accelerator
        settled = Signal()  # it waits for none
        asked = accelerator.requests.valid & accelerator.requests.ready
        m.d.sync += [
            due.eq(due + Mux(asked, accelerator.requests.payload.words, 0)
                   - accelerator.words.valid),
            settled.eq((due == 0) & ~accelerator.requests.valid),
        ]
        m.d.comb += [
            memory.requests.valid.eq(accelerator.requests.valid | reads.o.valid & settled),
            memory.requests.payload.eq(accelerator.requests.payload),
            accelerator.requests.ready.eq(memory.requests.ready),
            accelerator.words.payload.eq(memory.words.payload),
            accelerator.words.valid.eq(memory.words.valid & ~links),
            memory.words.ready.eq(1),
        ]
        m.d.sync += [link.words.payload.eq(memory.words.payload),
                     link.words.valid.eq(memory.words.valid & links)]
        with m.If(~accelerator.requests.valid):
            m.d.comb += [memory.requests.payload.eq(reads.o.payload),
                         reads.o.ready.eq(memory.requests.ready & settled)]
        with m.If(memory.requests.valid & memory.requests.ready):
            m.d.sync += links.eq(~accelerator.requests.valid)
