"""Between the beats of a transfer and words of the machine's memory."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from .pcie_interfaces import LENGTH_BITS, bytes_layout


class WordPacker(Component):
    """Beats -> words; the last word of a transfer is filled up with zeros.

    A word or a beat a clock, whichever is longer. Latency: 1 clock from the beat that completes a
    word, or that has several.

    Parameters
    ----------
    beat_bytes, word_bytes : int
        Powers of two.

    Members
    -------
    i : In(stream of bytes_layout(beat_bytes))
    o : Out(stream of {word, last})
        `last` of the transfer.
    """

    def __init__(self, beat_bytes, word_bytes):
        self._beat, self._word = beat_bytes, word_bytes
        super().__init__({
            "i": In(stream.Signature(bytes_layout(beat_bytes))),
            "o": Out(stream.Signature(data.StructLayout({"word": 8 * word_bytes, "last": 1})))})

    def elaborate(self, _platform):
        m = Module()
        given = self.i.payload
        octets = Cat(*(Mux(n < given.used, given.octets[n], 0) for n in range(self._beat)))
        if self._word >= self._beat:
            self.build_wide(m, octets)
        else:
            self.build_narrow(m, octets)
        return m

    def build_wide(self, m, octets):
        """A word of one beat or several."""
        beats, bits = self._word // self._beat, 8 * self._beat
        place = Signal(range(max(beats, 2)))
        held = Signal(8 * self._word)  # zero where no beat has come yet
        final = self.i.payload.last | (place == beats - 1)
        complete = Signal(8 * self._word)
        m.d.comb += [self.i.ready.eq(~self.o.valid | self.o.ready),
                     complete.eq(held | (octets << (place * bits)))]
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid & final), self.o.payload.word.eq(complete),
                         self.o.payload.last.eq(self.i.payload.last)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [held.eq(Mux(final, 0, complete)), place.eq(Mux(final, 0, place + 1))]

    def build_narrow(self, m, octets):
        """Several words a beat."""
        left = Signal(range(self._beat // self._word + 1))
        held, last = Signal(8 * self._beat), Signal()
        size = self._word.bit_length() - 1
        taken = self.o.valid & self.o.ready
        m.d.comb += [self.o.valid.eq(left != 0), self.o.payload.word.eq(held),
                     self.o.payload.last.eq(last & (left == 1)),
                     self.i.ready.eq((left == 0) | (taken & (left == 1)))]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(octets), last.eq(self.i.payload.last),
                         left.eq(Mux(self.i.valid,
                                     (self.i.payload.used + (self._word - 1)) >> size, 0))]
        with m.Elif(taken):
            m.d.sync += [held.eq(held >> 8 * self._word), left.eq(left - 1)]


class WordUnpacker(Component):
    """Words -> the beats of a transfer of so many bytes.

    A word or a beat a clock, whichever is longer. Latency: 1 clock. What is left of the last word
    is dropped.

    Parameters
    ----------
    beat_bytes, word_bytes : int
        Powers of two.

    Members
    -------
    start : In(1), bytes : In(LENGTH_BITS)
        Pulse, while nothing is under way: bytes of the next transfer.
    i : In(stream of word_bits)
        Exactly the words that `bytes` need.
    o : Out(stream of bytes_layout(beat_bytes))
    """

    def __init__(self, beat_bytes, word_bytes):
        self._beat, self._word = beat_bytes, word_bytes
        super().__init__({
            "start": In(1), "bytes": In(LENGTH_BITS), "i": In(stream.Signature(8 * word_bytes)),
            "o": Out(stream.Signature(bytes_layout(beat_bytes)))})

    def elaborate(self, _platform):
        m = Module()
        self.left = Signal(LENGTH_BITS)  # bytes that `o` has not given away
        self.last = self.left <= self._beat
        payload = self.o.payload
        m.d.comb += [payload.used.eq(Mux(self.last, self.left, self._beat)),
                     payload.last.eq(self.last)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.left.eq(self.left - self._beat)
        with m.If(self.start):
            m.d.sync += self.left.eq(self.bytes)
        (self.build_wide if self._word >= self._beat else self.build_narrow)(m)
        return m

    def build_wide(self, m):
        """A beat or several of a word."""
        beats = self._word // self._beat
        held, place = Signal(8 * self._word), Signal(range(beats + 1))  # beats left in `held`
        taken = self.o.valid & self.o.ready
        over = taken & ((place == 1) | self.last)
        m.d.comb += [self.o.valid.eq(place != 0), Cat(*self.o.payload.octets).eq(held),
                     self.i.ready.eq((place == 0) | over)]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.payload), place.eq(Mux(self.i.valid, beats, 0))]
        with m.Elif(taken):
            m.d.sync += [held.eq(held >> 8 * self._beat), place.eq(place - 1)]

    def build_narrow(self, m):
        """Several words to a beat."""
        words, bits = self._beat // self._word, 8 * self._word
        place, full = Signal(range(words)), Signal()
        held = Signal(8 * self._beat)
        come = Signal.like(self.left)  # bytes that have not come in yet
        final = (place == words - 1) | (come <= self._word)
        taken = self.i.valid & self.i.ready
        m.d.comb += [self.o.valid.eq(full), Cat(*self.o.payload.octets).eq(held),
                     self.i.ready.eq(~full | self.o.ready)]
        with m.If(self.o.ready):
            m.d.sync += full.eq(0)
        with m.If(taken):
            m.d.sync += [held.word_select(place, bits).eq(self.i.payload), full.eq(final),
                         place.eq(Mux(final, 0, place + 1)), come.eq(come - self._word)]
        with m.If(self.start):
            m.d.sync += come.eq(self.bytes)
