"""TapeReader: every word of every span, once and in order, whatever the memory's pace."""

from amaranth.hdl import Assume, Cover, Module, Signal
from amaranth.lib.wiring import Component, In

from ..rtl.tape_reader import SPAN_BITS, TapeReader
from .box import SMALL, Box, drains, follow, holds, implies

DRAIN = SMALL.prefetch_words + 2  # clocks in which a full FIFO empties


class Properties(Component):
    """The requests are the spans cut into bursts; what the memory gives leaves in that order.

    The memory serves requests in order and otherwise does as it likes: `grant` takes a request,
    `deliver` gives one of the words that were asked for. Words are two free bits, repeated over
    the width of a word.
    """

    def __init__(self):
        super().__init__({
            "span_valid": In(1), "address": In(SMALL.address_bits), "words": In(SPAN_BITS),
            "grant": In(1), "deliver": In(1), "bits": In(2), "take": In(1), "pick": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = TapeReader(SMALL)
        requests, words = box.memory.requests, box.memory.words
        asked, taken = requests.valid & requests.ready, box.words.valid & box.words.ready
        m.d.comb += [
            box.spans.valid.eq(self.span_valid), box.spans.payload.address.eq(self.address),
            box.spans.payload.words.eq(self.words), Assume(self.words != 0),
            requests.ready.eq(self.grant), box.words.ready.eq(self.take),
            words.payload.eq(self.bits.replicate(SMALL.word_bits // 2)),
        ]
        outstanding = Signal(range(SMALL.prefetch_words + 1))
        m.d.comb += words.valid.eq(self.deliver & (outstanding != 0))
        m.d.sync += outstanding.eq(outstanding + asked * requests.payload.words - words.valid)
        self._spans_become_bursts(m, box.spans, requests, asked)
        inside = follow(m, enters=words.valid, entering=words.payload, leaves=taken,
                        leaving=box.words.payload, most=SMALL.prefetch_words, pick=self.pick)
        drains(m, quiet=~words.valid & self.take, inside=inside, clocks=DRAIN)
        holds(m, box.words, "words")
        m.d.comb += [
            implies(words.valid, words.ready),
            implies(box.memory.writes.valid, 0),
            Cover(inside == SMALL.prefetch_words),
            Cover(taken & (inside == 1) & box.words.payload.all()),
        ]
        return m

    def _spans_become_bursts(self, m, spans, requests, asked):
        """`left` words from `expected` on are still to be requested."""
        expected = Signal(SMALL.address_bits)
        left = Signal(SPAN_BITS)
        burst = requests.payload.words
        with m.If(asked):
            m.d.sync += [expected.eq(expected + burst), left.eq(left - burst)]
            m.d.comb += [implies(asked, (requests.payload.address == expected) & (burst != 0)
                                 & (burst <= left) & (burst <= SMALL.burst_words))]
        with m.If(spans.valid & spans.ready):
            m.d.comb += implies(spans.valid, left == 0)
            m.d.sync += [expected.eq(spans.payload.address), left.eq(spans.payload.words)]
        spanned = Signal(2)
        m.d.sync += spanned.eq(spanned + (spans.valid & spans.ready & (spanned != 3)))
        m.d.comb += Cover((spanned == 3) & (left == 0))


BOXES = (Box(
    name="tape_reader", top=Properties, bound=12, cover=16,
    says="requests are the spans, in bursts; words leave once, in order, and none finds the FIFO "
         "full"),)
