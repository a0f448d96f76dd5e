"""The sampler's random numbers: xorshift64 (Marsaglia, J. Stat. Softw. 8(14), 2003).

One step a logit.
The same few lines run on Python integers here and on Amaranth signals in rtl/sampler.py.
"""

MASK = (1 << 64) - 1
SHIFTS = (13, 7, 17)  # left, right, left: full period 2**64 - 1
SEED_MIX = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: spreads small seeds over all bits
UNIFORM_BITS = 32


def initial(seed):
    """State for a 64-bit seed; never zero, which would be a fixed point."""
    state = (seed ^ SEED_MIX) & MASK
    return state or SEED_MIX


def step(state):
    """The next state."""
    a, b, c = SHIFTS
    state ^= (state << a) & MASK
    state ^= state >> b
    return state ^ (state << c) & MASK


def uniform(state):
    """The 32 upper bits, as a fraction u = (value + 1/2) / 2**32."""
    return state >> (64 - UNIFORM_BITS)
