"""A transport that loses, repeats and damages what passes through it."""

import random


class NoisyTransport:
    """Wraps a transport; a fault befalls a byte with `probability`, in both directions.

    The parser has to find its way back from each fault by itself.
    """

    FAULTS = ("flip", "drop", "cut", "repeat", "garbage", "lose")

    def __init__(self, inner, probability, seed, faults=FAULTS):
        self.name = inner.name
        self.faults_made = 0
        self._inner, self._probability, self._faults = inner, probability, faults
        self._random = random.Random(seed)

    def write(self, octets):
        self._inner.write(self._suffer(octets))

    def read(self, seconds):
        return self._suffer(self._inner.read(seconds))

    def close(self):
        self._inner.close()

    def _suffer(self, octets):
        if self._random.random() < (1 - self._probability) ** len(octets):
            return octets
        self.faults_made += 1
        return getattr(self, "_" + self._random.choice(self._faults))(bytearray(octets))

    def _flip(self, octets):
        octets[self._random.randrange(len(octets))] ^= 1 << self._random.randrange(8)
        return bytes(octets)

    def _drop(self, octets):
        del octets[self._random.randrange(len(octets))]
        return bytes(octets)

    def _cut(self, octets):
        return bytes(octets[:self._random.randrange(len(octets))])

    def _repeat(self, octets):
        return bytes(octets) * 2

    def _garbage(self, octets):
        return self._random.randbytes(self._random.randrange(1, 40)) + bytes(octets)

    def _lose(self, octets):
        return b""
