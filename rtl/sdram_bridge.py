"""From the machine's memory interface to the SDRAM controller, across clock domains or not."""

from amaranth.hdl import Module, Signal
from amaranth.lib import fifo, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .interfaces import MemorySignature
from .sdram_interfaces import request_layout

REQUESTS = 8  # waiting ahead of the controller, each up to 255 words
WRITES = 4
WORDS = 32  # on their way to a machine whose clock is slower


class SdramBridge(Component):
    """Reads and writes in one queue, so that a read sees every word written before it.

    A read that is offered in the same clock as a write comes after it. With `crossing` the machine
    runs in the domain `sync` and the controller in `mem`, whose clocks need not be related; without,
    both run in `mem` and words pass straight through.

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

    def _queue(self, width, depth, **domains):
        if self._crossing:
            return fifo.AsyncFIFO(width=width, depth=depth, **domains)
        return fifo.SyncFIFOBuffered(width=width, depth=depth)

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
        memory, into = self.memory, {"w_domain": "sync", "r_domain": "mem"}
        m.submodules.requests = requests = self._queue(
            self.requests.payload.shape().size, REQUESTS, **into)
        m.submodules.data = data = self._queue(self._config.word_bits, WRITES, **into)
        request = Signal(self.requests.payload.shape())
        m.d.comb += [
            requests.w_data.eq(request),
            data.w_data.eq(memory.writes.payload.data),
            memory.writes.ready.eq(requests.w_rdy & data.w_rdy),
            memory.requests.ready.eq(requests.w_rdy & ~memory.writes.valid),
            data.w_en.eq(memory.writes.valid & memory.writes.ready),
            requests.w_en.eq(data.w_en | memory.requests.valid & memory.requests.ready),
            request.write.eq(memory.writes.valid),
            request.address.eq(memory.requests.payload.address),
            request.words.eq(memory.requests.payload.words),
        ]
        with m.If(memory.writes.valid):
            m.d.comb += [request.address.eq(memory.writes.payload.address), request.words.eq(1)]
        connect(m, requests.r_stream, flipped(self.requests))
        connect(m, data.r_stream, flipped(self.data))

    def _return_through_a_queue(self, m):
        m.submodules.words = words = fifo.AsyncFIFO(
            width=self._config.word_bits, depth=WORDS, w_domain="mem", r_domain="sync")
        m.d.comb += [words.w_data.eq(self.words), words.w_en.eq(self.words_valid)]
        m.d.mem += self.room.eq(words.w_level <= WORDS - 2 * self._under_way)
        connect(m, words.r_stream, flipped(self.memory.words))
