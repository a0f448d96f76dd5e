"""Frames on their way to the host's buffers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.link import CRC, HEADER, SYNC
from ..common.pcie import MAX_FRAME, Outcome
from .pcie_interfaces import LENGTH_BITS, WriteSignature
from .pcie_ring import CODE_BITS, job_layout, result_layout
from .word_packer import WordUnpacker

LENGTH_AT = len(SYNC)  # in a frame, of the bytes of its payload
OTHER_BYTES = len(SYNC) + HEADER.size + CRC.size


class FrameStore(Component):
    """Holds one frame, whose bytes are counted before the first of them is given away.

    Members
    -------
    i : In(stream of 8 bits)
        Frames of docs/link.md, whose ends are found by their lengths, but after MAX_FRAME bytes at
        the latest; taken while none is held.
    full : Out(1), bytes : Out(LENGTH_BITS)
        A frame is held, of so many bytes.
    take : In(1)
        Pulse, while `full`: gives it away.
    o : Out(stream of 8 bits)
        Its bytes.
    """

    def __init__(self):
        super().__init__({"i": In(stream.Signature(8)), "full": Out(1),
                          "bytes": Out(LENGTH_BITS), "take": In(1), "o": Out(stream.Signature(8))})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.frame = frame = memory.Memory(shape=8, depth=MAX_FRAME, init=[],
                                                   attrs={"no_rw_check": 1})
        write, read = frame.write_port(), frame.read_port()
        place = Signal(range(MAX_FRAME + 1))
        following = Signal.like(place)
        length = Signal(16)
        last = Signal.like(place, init=MAX_FRAME - 1)
        m.d.sync += last.eq(length + (OTHER_BYTES - 1))
        m.d.comb += [write.addr.eq(place), write.data.eq(self.i.payload),
                     write.en.eq(self.i.valid & self.i.ready), read.addr.eq(following),
                     following.eq(Mux(self.o.valid & self.o.ready, place + 1, place)),
                     self.o.payload.eq(read.data)]
        with m.FSM():
            with m.State("FILL"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [place.eq(place + 1), self.bytes.eq(place + 1)]
                    for n in range(2):
                        with m.If(place == LENGTH_AT + n):
                            m.d.sync += length.word_select(n, 8).eq(self.i.payload)
                    with m.If(((place > HEADER.size + LENGTH_AT) & (place == last))
                              | (place == MAX_FRAME - 1)):
                        m.d.sync += [place.eq(0), self.full.eq(1)]
                        m.next = "FULL"
            with m.State("FULL"):
                with m.If(self.take):
                    m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.o.valid.eq(1)
                m.d.sync += place.eq(following)
                with m.If(self.o.ready & (following == self.bytes)):
                    m.d.sync += [place.eq(0), self.full.eq(0)]
                    m.next = "FILL"
        return m


class ReceiveWorker(Component):
    """Does RECEIVE, one job at a time: waits for a frame, writes it to the buffer.

    `moved` counts the frame's bytes once they have been written.

    Members
    -------
    jobs : In(stream of job_layout), results : Out(stream of result_layout)
    broken : In(CODE_BITS)
        An engine has failed: the job ends with this Outcome.
    writes : Out(WriteSignature(use))
    frames : In(stream of 8 bits)
        Of FrameBuilder.
    """

    def __init__(self, use):
        self._use = use
        super().__init__({
            "jobs": In(stream.Signature(job_layout)),
            "results": Out(stream.Signature(result_layout)),
            "broken": In(CODE_BITS), "writes": Out(WriteSignature(use)),
            "frames": In(stream.Signature(8)),
        })

    def elaborate(self, _platform):
        m = Module()
        m.submodules.store = store = FrameStore()
        m.submodules.octets = octets = WordUnpacker(self._use.bytes, 1)
        connect(m, flipped(self.frames), store.i)
        connect(m, store.o, octets.i)
        connect(m, octets.o, flipped(self.writes.bytes))
        commands, result = self.writes.commands, self.results.payload
        m.d.comb += [commands.payload.bytes.eq(store.bytes), octets.bytes.eq(store.bytes),
                     octets.start.eq(store.take)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.jobs.ready.eq(1)
                m.d.sync += commands.payload.address.eq(self.jobs.payload.address)
                with m.If(self.jobs.valid):
                    m.next = "BEGIN"
            with m.State("BEGIN"):  # it may wait for ever
                m.d.comb += [commands.valid.eq(store.full),
                             store.take.eq(store.full & commands.ready)]
                m.d.sync += [result.outcome.eq(Outcome.DONE), result.moved.eq(store.bytes)]
                with m.If(store.take):
                    m.next = "MOVE"
                with m.Elif(self.broken != 0):
                    m.d.sync += [result.outcome.eq(self.broken), result.moved.eq(0)]
                    m.next = "RESULT"
            with m.State("MOVE"):
                with m.If(self.writes.done):
                    m.next = "RESULT"
                with m.Elif(self.broken != 0):
                    m.d.sync += [result.outcome.eq(self.broken), result.moved.eq(0)]
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.results.valid.eq(1)
                with m.If(self.results.ready):
                    m.next = "IDLE"
        return m
