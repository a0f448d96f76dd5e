"""Trits of a matrix as they lie on the tape, in the order of the array.

The matrix is cut into groups of `rows` output rows and chunks of `inputs` inputs. A word holds one
(group, chunk), and in it row 0 comes first.

Array of adders: five trits to a byte, the lowest input first; groups outermost.
Array of tables: three trits to five bits (common/triples.py); blocks of `block_groups` groups
outermost, then chunks, then the groups of the block.
"""

import numpy as np

from ..common.config import TRITS_PER_BYTE
from ..common.tape import TapeError
from ..common.triples import (ADDRESS_BITS, PLACES, TRIPLE_BITS, address_table, input_places,
                              left_sibling)
from ..model.ternary import CODES, pack_trits, unpack_trits


def word_count(outputs, length, rows, inputs):
    """(groups, chunks) of a matrix [outputs, length]."""
    return -(-outputs // rows), -(-length // inputs)


def pack_matrix(trits, rows, inputs):
    """trits [M, N] of -1, 0, 1 -> uint8 [groups * chunks * rows * inputs / 5]

    M and N are padded with zero trits.
    """
    outputs, length = trits.shape
    groups, chunks = word_count(outputs, length, rows, inputs)
    padded = np.zeros((groups * rows, chunks * inputs), trits.dtype)
    padded[:outputs, :length] = trits
    words = pack_trits(padded).reshape(groups, rows, chunks, inputs // TRITS_PER_BYTE)
    return np.ascontiguousarray(words.transpose(0, 2, 1, 3)).reshape(-1)


def pack_words(trits, config):
    """trits [M, N] of -1, 0, 1 -> uint8 [words * word_bytes], for the array of `config`."""
    if config.array == "tables":
        return pack_tables(trits, config)
    return pack_matrix(trits, config.rows, config.inputs)


def pack_tables(trits, config):
    """The same for an array of tables.

    Five bits a group of three: the address of the triple or of its opposite, and the sign of the
    group, relative to that of its left sibling in the adder tree.
    """
    if len(trits) and not np.isin(trits, (-1, 0, 1)).all():
        raise ValueError("trits are -1, 0 and 1")
    rows, inputs = config.rows, config.inputs
    groups, chunks = word_count(*trits.shape, rows, inputs)
    padded = np.zeros((groups * rows, chunks * inputs), np.int8)
    padded[:trits.shape[0], :trits.shape[1]] = trits
    triples = _triples(padded.reshape(groups, rows, chunks, inputs), config)
    addresses, signs = _addresses(triples)
    signs[..., 1:] ^= signs[..., [left_sibling(n) for n in range(1, config.groups)]]
    codes = addresses | signs << ADDRESS_BITS  # [groups, rows, chunks, groups of inputs]
    bits = (codes[..., None] >> np.arange(TRIPLE_BITS, dtype=np.uint8)) & 1
    words = bits.transpose(0, 2, 1, 3, 4).reshape(groups, chunks, -1)
    words = np.pad(words, ((0, 0), (0, 0), (0, config.array_bits - words.shape[2])))
    words = np.packbits(words, axis=2, bitorder="little")
    block = config.block_groups
    return np.concatenate([words[start:start + block].transpose(1, 0, 2).reshape(-1)
                           for start in range(0, groups, block)])


def _triples(trits, config):
    """[..., inputs] -> [..., groups, 3]: each trit to the group of its input."""
    group, place = np.array(input_places(config.inputs, config.vector)).T
    triples = np.zeros((*trits.shape[:-1], config.groups, PLACES), np.int8)
    triples[..., group, place] = trits
    return triples


def _addresses(triples):
    """[..., 3] -> addresses and signs [...], uint8."""
    weights = 3 ** np.arange(PLACES)
    known = np.zeros((3**PLACES, 2), np.uint8)
    for triple, code in address_table().items():
        known[weights @ triple + len(known) // 2] = code
    found = known[triples @ weights + len(known) // 2]
    return found[..., 0], found[..., 1].copy()


def unpack_matrix(codes, outputs, length, rows, inputs):
    """The inverse: uint8 [...] -> int8 trits [outputs, length]; TapeError when it is none."""
    groups, chunks = word_count(outputs, length, rows, inputs)
    codes = np.asarray(codes, np.uint8).reshape(-1)
    if len(codes) != groups * chunks * rows * inputs // TRITS_PER_BYTE:
        raise TapeError(f"{len(codes)} bytes of trits; a matrix of {outputs} x {length} takes "
                        f"{groups * chunks * rows * inputs // TRITS_PER_BYTE}")
    if len(codes) and codes.max() >= CODES:
        where = int(np.argmax(codes >= CODES))
        raise TapeError(f"byte {where} of a matrix is {codes[where]}; five trits give at most "
                        f"{CODES - 1}")
    words = codes.reshape(groups, chunks, rows, inputs // TRITS_PER_BYTE)
    trits = unpack_trits(words.transpose(0, 2, 1, 3))
    return trits.reshape(groups * rows, chunks * inputs)[:outputs, :length]
