"""CRC-32 of words, one a clock, however wide they are."""

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib.wiring import Component, In, Out

BITS = 32
POLYNOMIAL = 0xEDB88320  # CRC-32 of Ethernet, bits reversed (IEEE 802.3, 3.2.9)


def shifted(state, bits):
    """The register after so many zeros; linear in `state`."""
    for _ in range(bits):
        state = state >> 1 ^ (POLYNOMIAL if state & 1 else 0)
    return state


def linear(value, images):
    """Sum modulo 2 of `images[n]` over the bits n of `value` that are set: 32 bits."""
    return Cat(reduce(xor, (value[n] for n, image in enumerate(images) if image >> bit & 1),
                      Const(0, 1)) for bit in range(BITS))


class WordCrc(Component):
    """zlib.crc32 of the bytes of words, the lowest first.

    The register is linear in what it was and in the word; the word's part is computed a clock
    ahead, so that only the other lies in the loop.

    Members
    -------
    start : In(1)
        Begin a new one; not with `valid`, nor in the clock after it.
    valid : In(1), data : In(word_bits)
    crc : Out(32)
        Two clocks after the last word.
    """

    def __init__(self, word_bits):
        self._bits = word_bits
        super().__init__({"start": In(1), "valid": In(1), "data": In(word_bits),
                          "crc": Out(BITS)})

    def elaborate(self, platform):
        m = Module()
        state = Signal(BITS, init=-1)
        part = Signal(BITS)
        added = Signal()
        # A word of more bits than the register shifts those out one after the other.
        m.d.sync += [
            part.eq(linear(self.data, [shifted(1, self._bits - n) for n in range(self._bits)])),
            added.eq(self.valid),
        ]
        with m.If(added):
            m.d.sync += state.eq(
                linear(state, [shifted(1 << n, self._bits) for n in range(BITS)]) ^ part)
        with m.If(self.start):
            m.d.sync += state.eq(-1)
        m.d.comb += self.crc.eq(~state)
        return m
