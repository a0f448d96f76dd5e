"""The march test of a memory: order, data, what is reported. rtl/memory_march.py executes it.

March C- (van de Goor, "Using March Tests to Test SRAMs", IEEE Design & Test of Computers 10(1),
1993):  up(w0); up(r0, w1); up(r1, w0); down(r0, w1); down(r1, w0); up(r0).  "0" is a word of a data
background, "1" its inverse. Each word is read and written before the next one is touched.

It finds, whatever the background, every single one of these faults: stuck bits, bits that do not
change, addresses that reach no cell, a wrong one or several, and any two bits of different words
of which one changes or forces the other (inversion, idempotent and state coupling).
Two bits of one word take all four pairs of values only under a background in which they differ:
backgrounds whose bit n is a bit of n tell all of them apart (van de Goor and Tlili, "March Tests
for Word-Oriented Memories", DATE 1998). Here these backgrounds alternate from word to word: a
single test finds shorted data lines, and as many tests as there are backgrounds, each beginning
with another one, find also what couples within a single word.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Element:
    """One pass through the memory.

    down : from the last word to the first
    reads, writes : 0 the background, 1 its inverse, None not at all; reads come first
    """

    down: bool
    reads: int | None
    writes: int | None


ELEMENTS = (Element(False, None, 0), Element(False, 0, 1), Element(False, 1, 0),
            Element(True, 0, 1), Element(True, 1, 0), Element(False, 0, None))


def backgrounds(word_bits):
    """How many backgrounds alternate: a power of two."""
    different = (word_bits - 1).bit_length() + 1  # the bits of a number below word_bits, and zero
    return 1 << (different - 1).bit_length()


def background_bit(number, bit):
    """Bit `bit` of background `number`."""
    return bit >> number & 1


def background(first, address, word_bits):
    """The word that lies at `address` as "0", when word 0 has background `first`."""
    number = (first + address) % backgrounds(word_bits)
    return sum(background_bit(number, bit) << bit for bit in range(word_bits))


def expected(element, first, address, word_bits):
    """What a read in ELEMENTS[element] should give."""
    word = background(first, address, word_bits)
    return word ^ ((1 << word_bits) - 1) if ELEMENTS[element].reads else word


def clocks(config, words):
    """Clocks that a march of `words` words takes, about: for a memory as docs/virtual-board.md
    defines it, which accepts a request or a word to write in every clock."""
    bursts = -(-words // config.burst_words)
    reads = sum(e.reads is not None and e.writes is not None for e in ELEMENTS)
    return words * (2 + reads * (config.memory_latency + 3)) \
        + bursts * (config.memory_latency + 1) + round(words / config.memory_rate)
