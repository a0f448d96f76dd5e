"""Faults of a memory, for tests: the same as sim/board/memory_fault.hpp, in Python.

A fault is named by a line of text, which the virtual board takes too:

    stuck ADDRESS BIT VALUE          a bit keeps VALUE whatever is written
    wire BIT VALUE                   a data line: the same in every word
    short BIT BIT                    two data lines: both carry the AND of what is written
    address LINE LINE                two address lines: both carry their AND
    rise ADDRESS BIT ADDRESS BIT     when the first bit rises the second one flips
    hold ADDRESS BIT ADDRESS BIT     while the first bit is 1 the second one is 1
"""

ARGUMENTS = {"stuck": 3, "wire": 2, "short": 2, "address": 2, "rise": 4, "hold": 4}


class Fault:
    """A line of text as above; `words`, a dict of address to word, is what it spoils."""

    def __init__(self, text, words):
        self.kind, *numbers = text.split()
        self.numbers, self.words = [int(n) for n in numbers], words
        if ARGUMENTS.get(self.kind) != len(numbers):
            raise ValueError(f"no fault of a memory: {text!r}")

    def address(self, address):
        """The word that answers."""
        if self.kind == "address":
            a, b = self.numbers
            both = address >> a & address >> b & 1
            address = address & ~(1 << a) & ~(1 << b) | both << a | both << b
        return address

    def write(self, address, word):
        """Stores a word, and what comes of it."""
        before = self.words.get(address, 0)
        n = self.numbers
        if self.kind == "wire":
            word = set_bit(word, n[0], n[1])
        if self.kind == "short":
            both = word >> n[0] & word >> n[1] & 1
            word = set_bit(set_bit(word, n[0], both), n[1], both)
        self.words[address] = word
        if self.kind == "rise" and address == n[0] and word >> n[1] & ~(before >> n[1]) & 1:
            self.words[n[2]] = self.words.get(n[2], 0) ^ 1 << n[3]
        self._settle()

    def _settle(self):
        n = self.numbers
        if self.kind == "stuck":
            self.words[n[0]] = set_bit(self.words.get(n[0], 0), n[1], n[2])
        if self.kind == "hold" and self.words.get(n[0], 0) >> n[1] & 1:
            self.words[n[2]] = set_bit(self.words.get(n[2], 0), n[3], 1)


def set_bit(word, bit, value):
    """`word` with that bit."""
    return word & ~(1 << bit) | value << bit
