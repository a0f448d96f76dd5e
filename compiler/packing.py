"""Trits of a matrix as they lie on the tape: five to a byte, in the order of the array.

The matrix is cut into groups of `rows` output rows and chunks of `inputs` inputs. A word holds one
(group, chunk), groups outermost; within a word row 0 comes first, within a row the lowest input.
"""

import numpy as np

from ..common.config import TRITS_PER_BYTE
from ..common.tape import TapeError
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
