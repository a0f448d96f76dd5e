"""Reads spans of memory ahead of their use, in bursts, into the prefetch FIFO."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .block_fifo import BlockFifo
from .interfaces import MemorySignature
from .stream_buffer import StreamBuffer

SPAN_BITS = 32


def span_layout(config):
    """{address, words} of a stretch of memory."""
    return data.StructLayout({"address": config.address_bits, "words": SPAN_BITS})


class TapeReader(Component):
    """Spans of memory -> their words, in order.

    A burst is requested only when the FIFO has room for all of it beside what is already on its
    way; so the memory is never held up and needs no `ready`. A request comes two clocks after its
    span or the request before was taken, or three after the word was taken that makes room for it.

    Members
    -------
    spans : In(stream of {address, words})
        Taken one clock after the last burst of the one before was accepted; words >= 1.
    memory : Out(MemorySignature)
        Reads only; `writes` stays idle.
    words : Out(stream of word_bits)
        One word a clock; four clocks after the memory delivered it.
    """

    def __init__(self, config):
        self.config = config
        super().__init__({
            "spans": In(stream.Signature(span_layout(config))),
            "memory": Out(MemorySignature(config)),
            "words": Out(stream.Signature(unsigned(config.word_bits))),
        })

    def elaborate(self, platform):
        m, config = Module(), self.config
        m.submodules.prefetch = prefetch = BlockFifo(
            unsigned(config.word_bits), config.prefetch_words)
        address = Signal(config.address_bits)
        remaining = Signal(SPAN_BITS)
        claimed = Signal(range(config.prefetch_words + 1))  # words in the FIFO or on their way
        some = Signal()  # remaining != 0
        final = Signal()  # remaining == burst
        burst = Signal(range(config.burst_words + 1))
        request = self.memory.requests
        asked = request.valid & request.ready
        taken = Signal()  # a word, in the clock before
        m.d.sync += taken.eq(self.words.valid & self.words.ready)
        m.d.comb += [
            request.payload.address.eq(address), request.payload.words.eq(burst),
            self.spans.ready.eq(~some),
        ]
        # A request is measured in one clock and offered from the next.
        with m.If(asked):
            m.d.sync += request.valid.eq(0)
        with m.Elif(~request.valid):
            m.d.sync += [
                request.valid.eq(some
                                 & (claimed <= config.prefetch_words - config.burst_words)),
                burst.eq(Mux(remaining > config.burst_words, config.burst_words, remaining)),
                final.eq(remaining <= config.burst_words),
            ]
        m.d.sync += claimed.eq(claimed + Mux(asked, burst, 0) - taken)
        with m.If(asked):
            m.d.sync += [address.eq(address + burst), remaining.eq(remaining - burst),
                         some.eq(~final)]
        with m.If(self.spans.valid & self.spans.ready):
            m.d.sync += [address.eq(self.spans.payload.address),
                         remaining.eq(self.spans.payload.words), some.eq(1)]
        m.d.comb += self.memory.words.ready.eq(1)
        m.d.sync += [  # a register, for they come from far away
            prefetch.i.payload.eq(self.memory.words.payload),
            prefetch.i.valid.eq(self.memory.words.valid),
        ]
        # Block RAM is slow to answer, and `ready` comes from far away.
        m.submodules.buffer = buffer = StreamBuffer(unsigned(config.word_bits))
        connect(m, prefetch.o, buffer.i)
        connect(m, buffer.o, flipped(self.words))
        return m
