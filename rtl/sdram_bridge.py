"""From the machine's memory interface to the SDRAM controller, across clock domains or not."""

from amaranth.hdl import DomainRenamer, Module, Mux, Shape, Signal
from amaranth.lib import fifo, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .crossing_queue import CrossingQueue
from .interfaces import MemorySignature
from .sdram_interfaces import request_layout
from .stream_buffer import StreamBuffer

QUEUE = 8  # requests, and words to write, that wait for the controller
WORDS = 32  # on their way to a machine whose clock is slower


class SdramBridge(Component):
    """Reads and writes in one queue, so that a read sees every word written before it.

    A read that is offered in the same clock as a write comes after it. With `crossing` the machine
    runs in the domain `sync` and the controller in `mem`, whose clocks need not be related;
    without, both run in `mem` and words pass straight through.

    Parameters
    ----------
    config : common.config.Config
    crossing : bool
    under_way : int
        Words that may still come after `room` fell.

    Members
    -------
    memory : In(MemorySignature)
    requests : Out(stream of {write, address, words}), data : Out(stream of word_bits)
        For the controller.
    words : In(word_bits), words_valid : In(1), room : Out(1)
        From and for it.
    """

    def __init__(self, config, *, crossing, under_way):
        self._config, self._crossing, self._under_way = config, crossing, under_way
        super().__init__({
            "memory": In(MemorySignature(config)),
            "requests": Out(stream.Signature(request_layout(config))),
            "data": Out(stream.Signature(config.word_bits)),
            "words": In(config.word_bits), "words_valid": In(1), "room": Out(1),
        })

    def _queue(self, m, name, shape):
        """Streams (into, out of) a queue towards the controller."""
        if self._crossing:
            queue = CrossingQueue(shape, QUEUE, i_domain="sync", o_domain="mem")
            m.submodules[name] = queue
            return queue.i, queue.o
        queue = fifo.SyncFIFOBuffered(width=Shape.cast(shape).width, depth=QUEUE)
        m.submodules[name] = DomainRenamer("mem")(queue)
        return queue.w_stream, queue.r_stream

    def elaborate(self, _platform):
        m = Module()
        self._send(m)
        if self._crossing:
            self._return_through_a_queue(m)
        else:
            m.d.comb += [
                self.memory.words.payload.eq(self.words),
                self.memory.words.valid.eq(self.words_valid),
                self.room.eq(1),
            ]
        return m

    def _send(self, m):
        memory, layout = self.memory, self.requests.payload.shape()
        into, out = self._queue(m, "requests", layout)
        data_into, data_out = self._queue(m, "data", self._config.word_bits)
        request = Signal(layout)
        writing = memory.writes.valid
        m.d.comb += [
            into.payload.eq(request),
            data_into.payload.eq(memory.writes.payload.data),
            memory.writes.ready.eq(into.ready & data_into.ready),
            memory.requests.ready.eq(into.ready & ~writing),
            data_into.valid.eq(writing & into.ready),
            into.valid.eq(Mux(writing, data_into.ready, memory.requests.valid)),
            request.write.eq(writing),
            request.address.eq(Mux(writing, memory.writes.payload.address,
                                   memory.requests.payload.address)),
            request.words.eq(Mux(writing, 1, memory.requests.payload.words)),
            self.requests.valid.eq(out.valid), out.ready.eq(self.requests.ready),
            self.requests.payload.eq(out.payload),
        ]
        # The controller decides late in the clock whether it takes a word.
        m.submodules.written = written = DomainRenamer("mem")(StreamBuffer(self._config.word_bits))
        connect(m, data_out, written.i)
        connect(m, written.o, flipped(self.data))

    def _return_through_a_queue(self, m):
        m.submodules.words = words = CrossingQueue(self._config.word_bits, WORDS,
                                                   i_domain="mem", o_domain="sync")
        m.d.comb += [words.i.payload.eq(self.words), words.i.valid.eq(self.words_valid)]
        m.d.mem += self.room.eq(words.level <= WORDS - 2 * self._under_way)
        connect(m, words.o, flipped(self.memory.words))
