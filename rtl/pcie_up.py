"""What the board has for the host's buffers: frames, and words of its memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, stream
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Component, In, Out, connect

from ..common.link import CRC, HEADER, SYNC
from ..common.pcie import MAX_FRAME, Outcome
from .interfaces import MemorySignature
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
        Frames of docs/link.md, whose ends are found by their lengths; taken while none is held.
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
                    with m.If((place > HEADER.size + LENGTH_AT) & (place == last)):
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


class UpWorker(Component):
    """Does RECEIVE and LOAD, one job at a time: writes a frame, or words of memory, to the buffer.

    LOAD asks for no more words than it has room for and passes a beat or a word a clock, whichever
    is longer. `moved` counts the bytes of the frame, or of the buffer, once they have been written.

    Members
    -------
    jobs : In(stream of job_layout), results : Out(stream of result_layout)
    broken : In(CODE_BITS)
        An engine has failed: the job ends with this Outcome.
    drained : Out(1)
        No word that was asked for is still to come.
    writes : Out(WriteSignature(use))
    frames : In(stream of 8 bits)
        Of FrameBuilder.
    requests : Out(stream of {address, words}), words : In(stream of word_bits)
        As of MemorySignature.
    """

    def __init__(self, use, config):
        self._use, self._config = use, config
        ports = MemorySignature(config).members
        super().__init__({
            "jobs": In(stream.Signature(job_layout)),
            "results": Out(stream.Signature(result_layout)),
            "broken": In(CODE_BITS), "drained": Out(1),
            "writes": Out(WriteSignature(use)),
            "frames": In(stream.Signature(8)),
            "requests": Out(ports["requests"].signature), "words": In(stream.Signature(config.word_bits)),
        })

    def elaborate(self, _platform):
        m = Module()
        m.submodules.store = store = FrameStore()
        m.submodules.octets = octets = WordUnpacker(self._use.bytes, 1)
        m.submodules.words = words = WordUnpacker(self._use.bytes, self._config.word_bytes)
        self.job, self.begin = Signal(job_layout), Signal()
        connect(m, store.o, octets.i)
        self.build_memory(m, words)
        beats, job = self.writes.bytes, self.job
        m.d.comb += [
            store.i.valid.eq(self.frames.valid), store.i.payload.eq(self.frames.payload),
            self.frames.ready.eq(store.i.ready), store.take.eq(self.begin & ~job.memory),
            octets.bytes.eq(store.bytes), octets.start.eq(store.take),
            words.bytes.eq(job.bytes), words.start.eq(self.begin & job.memory),
            self.writes.commands.payload.address.eq(job.address),
            self.writes.commands.payload.bytes.eq(Mux(job.memory, job.bytes, store.bytes)),
            beats.payload.eq(Mux(job.memory, words.o.payload, octets.o.payload)),
            beats.valid.eq(Mux(job.memory, words.o.valid, octets.o.valid)),
            words.o.ready.eq(beats.ready & job.memory), octets.o.ready.eq(beats.ready & ~job.memory),
        ]
        self.build_states(m, store)
        return m

    def build_memory(self, m, unpacker):
        """Bursts of words, as far as the FIFO has room."""
        burst = self._config.burst_words
        depth = 4 * burst
        size = self._config.word_bytes.bit_length() - 1
        m.submodules.queue = queue = SyncFIFOBuffered(width=self._config.word_bits, depth=depth)
        address, left = Signal(self._config.address_bits), Signal(LENGTH_BITS)
        room = Signal(range(depth + 1), init=depth)
        due = Signal.like(room)  # words asked for that have not come
        request = self.requests.payload
        asked = Mux(self.requests.valid & self.requests.ready, request.words, 0)
        came = self.words.valid & self.words.ready
        m.d.comb += [
            request.address.eq(address), request.words.eq(Mux(left < burst, left, burst)),
            self.requests.valid.eq((left != 0) & (room >= burst)),
            self.words.ready.eq(1), queue.w_data.eq(self.words.payload), queue.w_en.eq(came),
            unpacker.i.valid.eq(queue.r_rdy), unpacker.i.payload.eq(queue.r_data),
            queue.r_en.eq(unpacker.i.ready), self.drained.eq((due == 0) & (left == 0)),
        ]
        m.d.sync += [room.eq(room - asked + (queue.r_rdy & queue.r_en)), due.eq(due + asked - came)]
        with m.If(self.begin & self.job.memory):
            m.d.sync += [address.eq(self.job.word),
                         left.eq((self.job.bytes + (self._config.word_bytes - 1)) >> size)]
        with m.Elif((self.broken != 0) & (~self.requests.valid | self.requests.ready)):
            m.d.sync += left.eq(0)
        with m.Elif(self.requests.valid & self.requests.ready):
            m.d.sync += [address.eq(address + request.words), left.eq(left - request.words)]

    def build_states(self, m, store):
        commands, result = self.writes.commands, self.results.payload
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.jobs.ready.eq(1)
                m.d.sync += self.job.eq(self.jobs.payload)
                with m.If(self.jobs.valid):
                    m.next = "BEGIN"
            with m.State("BEGIN"):  # a RECEIVE may wait for ever
                m.d.comb += commands.valid.eq(self.job.memory | store.full)
                m.d.comb += self.begin.eq(commands.valid & commands.ready)
                with m.If(self.begin):
                    m.d.sync += self.job.bytes.eq(commands.payload.bytes)
                    m.next = "MOVE"
                with m.Elif(self.broken != 0):
                    m.d.sync += [result.outcome.eq(self.broken), result.moved.eq(0)]
                    m.next = "RESULT"
            with m.State("MOVE"):
                m.d.sync += [result.outcome.eq(Outcome.DONE), result.moved.eq(self.job.bytes)]
                with m.If(self.writes.done):
                    m.next = "RESULT"
                with m.Elif(self.broken != 0):
                    m.d.sync += [result.outcome.eq(self.broken), result.moved.eq(0)]
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.results.valid.eq(1)
                with m.If(self.results.ready):
                    m.next = "IDLE"
