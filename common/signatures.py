"""Signatures of the streams between the boxes: which there are, and their arithmetic.

A signature is a register of 32 bits that every transfer of its stream changes: multiplied by x
modulo a primitive polynomial, plus (xor) the payload, folded to 32 bits. This is a multiple-input
signature register (Bardell, McAnney, Savir, "Built-In Test for VLSI", Wiley 1987, chapter 3): it
depends on what was transferred and in which order, and not on clocks, and misses a difference with
probability 2**-32. A plain rotation would not do: a bit that is always wrong cancels out when the
number of transfers is a multiple of 64.
"""

MASK = 0xFFFF_FFFF
POLYNOMIAL = 0x0040_0007  # x**32 + x**22 + x**2 + x + 1: primitive, and few taps
START = MASK  # not 0, so that leading zeros count

# stream -> the box that makes it. In the order in which data flow through one norm and its matrix:
# of several that differ, the first is nearest to the fault.
STREAMS = {
    "words": "TapeReader",  # tape words, and what the memory gives
    "pairs": "TapeDecoder",
    "trits": "TapeDecoder",
    "embedding": "Embedder",
    "floors": "Normaliser",
    "v": "Normaliser",
    "summaries": "Normaliser",
    "jobs": "ScalarUnit",
    "codes": "Quantiser",
    "scales": "ScalarUnit",
    "sums": "TernaryArray",
    "scaled": "Scale",
    "state": "Mlgru",
    "candidate": "Silu",
    "product": "Glu",
    "residual": "ResidualAdder",
    "logits": "Results",
    "token": "Sampler",
}


def rotate(chunk, places):
    """32 bits rotated to the left."""
    places %= 32
    return (chunk << places | chunk >> 32 - places) & MASK


def fold(payload):
    """A payload of any width: its chunks of 32 bits, chunk k rotated by k, xored."""
    folded, number = 0, 0
    while payload:
        folded ^= rotate(payload & MASK, number)
        payload, number = payload >> 32, number + 1
    return folded


def step(signature, payload):
    """The signature after one more transfer."""
    taps = POLYNOMIAL if signature >> 31 else 0
    return (signature << 1 & MASK) ^ taps ^ fold(payload)


def signature(payloads, before=START):
    """The signature of a sequence of payloads."""
    for payload in payloads:
        before = step(before, payload)
    return before
