"""A stream of words in block RAM that are read from the first one on."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import Component, Out, connect, flipped

from .credit_queue import CreditQueue
from .interfaces import WordsSignature
from .word_store import WordStore


class SequentialStore(Component):
    """Gives `words` in order, one a clock, again from the first one on after a reset.

    Words that are not taken wait in a CreditQueue. Clocks: reset in clock t, the first word valid
    in clock t + LATENCY. What follows the last word has no meaning.

    Parameters
    ----------
    width, words, attributes
        As of WordStore.

    Members
    -------
    o : Out(stream of width)
    """

    LATENCY = 1 + WordsSignature.DELAY + CreditQueue.LATENCY

    def __init__(self, width, words, attributes=None):
        self._store = WordStore(width, words, attributes)
        super().__init__({"o": Out(stream.Signature(unsigned(width)))})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.words = words = self._store
        m.submodules.queue = queue = CreditQueue(self.o.payload.shape())
        connect(m, queue.o, flipped(self.o))
        coming = Signal(WordsSignature.DELAY)
        m.d.sync += coming.eq(Cat(queue.room, coming))
        m.d.comb += [
            words.o.take.eq(queue.room), queue.enters.eq(queue.room),
            queue.i.valid.eq(coming[-1]), queue.i.payload.eq(words.o.word),
        ]
        return m
