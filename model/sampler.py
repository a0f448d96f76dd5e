"""Golden sampler: the greatest logit, or one drawn from softmax(logits / temperature).

Gumbel-max: argmax(logit + temperature * gumbel) is such a draw (Gumbel 1954). No division, and
temperature 0 is greedy by itself.
"""

import numpy as np

from ..common import generator
from ..common.formats import DEFAULT
from ..common.tables import (GUMBEL_OCTAVE_BITS, GUMBEL_PLACE_BITS, GUMBEL_STEP_BITS,
                             gumbel_pieces)


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

        p = distance of u + 1/2 from the nearer end, in halves: an odd number of 32 bits, never 0.
        Its leading zeros choose the octave, the bits after the leading one the step, then the
        place within the step.
        """
        bits, fine = generator.UNIFORM_BITS, generator.UNIFORM_BITS - 1 - GUMBEL_STEP_BITS
        upper = u >> (bits - 1)
        p = (np.where(upper, ~u, u) << 1 | 1) & ((1 << bits) - 1)
        octave = bits - np.frexp(p)[1]
        normal = (p << octave) & ((1 << (bits - 1)) - 1)  # without its leading one
        step = normal >> fine
        place = (normal >> (fine - GUMBEL_PLACE_BITS)) & ((1 << GUMBEL_PLACE_BITS) - 1)
        index = (upper << GUMBEL_OCTAVE_BITS | octave) << GUMBEL_STEP_BITS | step
        return self.base[index] + (self.slope[index] * place >> GUMBEL_PLACE_BITS)

    def sample(self, logits, temperature):
        """logits [V] with 16 fraction bits, temperature with 12 -> token id, the first greatest."""
        noise = self.gumbel(self.uniforms(len(logits)))
        return int(np.argmax(logits + (temperature * noise >> 8)))
