"""A signature of every stream between boxes, for the self-test."""

from functools import reduce
from operator import xor

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from ..common.signatures import POLYNOMIAL, START, STREAMS

BITS = 32
MOST = 4  # words of BITS in a sum of one clock, and one LUT a bit


def parts(payload):
    """The words of BITS that common.signatures.fold adds up, of a Value."""
    chunks = [payload[n:n + BITS] for n in range(0, len(payload), BITS)]
    return [Cat(chunk, C(0, BITS - len(chunk))).rotate_left(n % BITS)
            for n, chunk in enumerate(chunks)]


class Signature(Component):
    """common.signatures.signature of one stream.

    The payload is added up to words of 32 bits in one LUT a bit and register before anything else
    is done with it, so that it loads the nets of the stream with as few cells as can be; a wide one
    comes from all over the die, and is added up in several clocks.

    Parameters
    ----------
    width : int
        Of the payload.

    Members
    -------
    transfer : In(1)
        `payload` is transferred in this clock.
    payload : In(width)
    clear : In(1)
        Pulse, while nothing is transferred. The only reset.
    value : Out(32)
        Two clocks after the transfer; with more than MOST * MOST words of payload, one clock more
        for each further time that they have to be divided by MOST.
    """

    def __init__(self, width):
        super().__init__({"transfer": In(1), "payload": In(width), "clear": In(1),
                          "value": Out(BITS)})

    def elaborate(self, platform):
        m = Module()
        value = Signal(BITS, init=START, reset_less=True)
        m.d.comb += self.value.eq(value)
        seen, words = self._sums(m, self.transfer, parts(self.payload))
        while len(words) > MOST:
            seen, words = self._sums(m, seen, words)
        taps = Mux(value[-1], POLYNOMIAL, 0)
        with m.If(seen):
            m.d.sync += value.eq((value << 1) ^ taps ^ reduce(xor, words))
        with m.If(self.clear):
            m.d.sync += value.eq(START)
        return m

    @staticmethod
    def _sums(m, seen, words):
        """MOST words in one, a clock later."""
        later = Signal(name="seen_later", reset_less=True)
        sums = [reduce(xor, words[n:n + MOST]) for n in range(0, len(words), MOST)]
        held = [Signal(BITS, name=f"sum_{n}", reset_less=True) for n in range(len(sums))]
        m.d.sync += [later.eq(seen), *(h.eq(s) for h, s in zip(held, sums, strict=True))]
        return later, held


def check_taps(taps):
    """ValueError when streams are missing, or unknown."""
    if wrong := set(taps) ^ set(STREAMS):
        raise ValueError(f"Signatures: missing or unknown: {', '.join(sorted(wrong))}")


class Signatures(Component):
    """One Signature for each of common.signatures.STREAMS.

    Parameters
    ----------
    taps : dict
        Stream -> (transfer, payload), any Values of the parent.

    Members
    -------
    clear : In(1)
        Pulse. The streams are cleared one after the other, in as many clocks as there are.
    signatures : Out(32 x streams)
    """

    def __init__(self, taps):
        check_taps(taps)
        self._taps = taps
        super().__init__({"clear": In(1),
                          "signatures": Out(data.ArrayLayout(BITS, len(STREAMS)))})

    def elaborate(self, platform):
        m = Module()
        clear = self.clear
        for position, name in enumerate(STREAMS):
            transfer, payload = self._taps[name]
            # From register to register, for it goes everywhere; also by a reset
            later = Signal(init=1, name=f"clear_{name}")
            m.d.sync += later.eq(clear)
            clear = later
            m.submodules[name] = one = Signature(len(payload))
            m.d.comb += [one.transfer.eq(transfer), one.payload.eq(payload),
                         one.clear.eq(clear), self.signatures[position].eq(one.value)]
        return m
