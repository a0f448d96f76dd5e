"""Golden sampler: the greatest logit, or one drawn from softmax(logits / temperature).

Gumbel-max: argmax(logit + temperature * gumbel) is such a draw (Gumbel 1954). No division, and
temperature 0 is greedy by itself.
"""

import numpy as np

from ..common import generator
from ..common.formats import DEFAULT
from ..common.tables import GUMBEL_OCTAVE_BITS, GUMBEL_STEP_BITS, gumbel_pieces


class Sampler:
    """Draws tokens; the generator takes one step for every logit, greedy or not."""

    def __init__(self, seed=0, formats=DEFAULT):
        self.f, self.state = formats, generator.initial(seed)
        self.base, self.slope = (np.array(t, np.int64) for t in gumbel_pieces(formats))

    def uniforms(self, count):
        """`count` unsigned 32-bit numbers, int64 [count]"""
        state, numbers = self.state, np.empty(count, np.int64)
        for n in range(count):
            state = generator.step(state)
            numbers[n] = generator.uniform(state)
        self.state = state
        return numbers

    def gumbel(self, u):
        """Unsigned 32-bit u [N] -> Gumbel variates [N] with 12 fraction bits.

        p = distance from the nearer end; its leading zeros choose the octave, the next four bits
        the step, the next eight the place within it.
        """
        bits = generator.UNIFORM_BITS - 1
        upper, octaves = u >> bits, 1 << GUMBEL_OCTAVE_BITS
        p = np.where(upper, ~u, u) & ((1 << bits) - 1)  # 31 bits: p / 2**32 is the distance
        zeros = bits - np.frexp(p)[1]
        octave = np.minimum(zeros, octaves - 1)
        normal = (p << octave) & ((1 << bits) - 1)
        normal = np.where(zeros < octaves, normal, 0) & ((1 << (bits - 1)) - 1)
        step = normal >> (bits - 1 - GUMBEL_STEP_BITS)
        place = (normal >> (bits - 1 - GUMBEL_STEP_BITS - 8)) & 0xFF
        index = (upper << (GUMBEL_OCTAVE_BITS + GUMBEL_STEP_BITS)) | octave << GUMBEL_STEP_BITS | step
        return self.base[index] + (self.slope[index] * place >> 8)

    def sample(self, logits, temperature):
        """logits [V] with 16 fraction bits, temperature with 12 -> token id, the first greatest."""
        noise = self.gumbel(self.uniforms(len(logits)))
        return int(np.argmax(logits + (temperature * noise >> 8)))
