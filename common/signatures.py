"""Signatures of the streams between the boxes: which there are, and their arithmetic.

A signature is a register of 32 bits that every transfer of its stream changes: multiplied by x
modulo a primitive polynomial, plus (xor) the payload, folded to 32 bits. This is a multiple-input
signature register (Bardell, McAnney, Savir, "Built-In Test for VLSI", Wiley 1987, chapter 3): it
depends on what was transferred and in which order, and not on clocks, and misses a difference with
probability 2**-32. A plain rotation would not do: a bit that is always wrong cancels out when the
number of transfers is a multiple of 64.
"""

from .tape import EXPONENT_BITS

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


def _signed_bits(least, most):
    """Bits of a signed number from `least`, negative, to `most`."""
    return max((-least - 1).bit_length(), most.bit_length()) + 1


def fields(config):
    """Stream -> bits of what one transfer holds, lowest first: one element for each lane of the
    vector pipelines, or a few scalars. As the gateware's layouts have them."""
    f, v = config.formats, config.vector
    squares = 2 * (f.sum_mantissa_bits - 1) + (config.max_inner - 1).bit_length()
    least = 1 - f.mantissa_bits
    elements = {
        "pairs": f.pair_bits, "embedding": f.residual_bits, "floors": f.floor_bits,
        "v": f.code_input_bits, "codes": 8, "sums": config.accumulator_bits,
        "scaled": max(f.value_bits, f.residual_bits, f.logit_bits), "state": f.state_bits,
        "candidate": f.value_bits, "product": f.product_bits, "residual": f.residual_bits,
        "logits": f.logit_bits}
    scalars = {
        "words": (config.word_bits,), "trits": (config.word_bits,), "token": (24,),
        "summaries": (f.code_input_bits - 1, squares,
                      _signed_bits(least, f.element_bits - f.mantissa_bits)),
        "jobs": (_signed_bits(least, least + f.code_input_bits - 1), f.reciprocal_bits),
        "scales": (f.scale_bits, EXPONENT_BITS)}
    return {name: scalars.get(name) or (elements[name],) * v for name in STREAMS}


def pack(values, bits):
    """Integers, signed or not, side by side in fields of `bits`."""
    packed, place = 0, 0
    for width, value in zip(bits, values):  # takes no more from an iterator than there are fields
        packed |= (value & (1 << width) - 1) << place
        place += width
    return packed
