"""Trits of a matrix as they lie on the tape: five to a byte, in the order of the array.

The matrix is cut into groups of `rows` output rows and chunks of `inputs` inputs. A word holds one
(group, chunk), groups outermost; within a word row 0 comes first, within a row the lowest input.
"""

import numpy as np

from ..common.config import TRITS_PER_BYTE
from ..common.tape import TapeError

CODES = 3**TRITS_PER_BYTE  # byte = sum of (trit_k + 1) * 3**k: 0 .. 242
ZEROS = CODES // 2  # the byte of five zero trits: 121


def word_count(outputs, length, rows, inputs):
    """(groups, chunks) of a matrix [outputs, length]."""
    return -(-outputs // rows), -(-length // inputs)


def pack_matrix(trits, rows, inputs):
    """trits [M, N] of -1, 0, 1 -> uint8 [groups * chunks * rows * inputs / 5]

    M and N are padded with zero trits.
    """
    outputs, length = trits.shape
    groups, chunks = word_count(outputs, length, rows, inputs)
    if trits.size and (trits.min() < -1 or trits.max() > 1):
        raise ValueError(f"trits from {trits.min()} to {trits.max()}; expected -1, 0, 1")
    padded = np.zeros((groups * rows, chunks * inputs), np.uint8)
    padded[:outputs, :length] = trits.astype(np.int8, copy=False).view(np.uint8)
    codes = np.full((groups * rows, chunks * inputs // TRITS_PER_BYTE), ZEROS, np.uint8)
    for k in range(TRITS_PER_BYTE):
        codes += padded[:, k::TRITS_PER_BYTE] * np.uint8(3**k)  # -1 is 255: right modulo 256
    words = codes.reshape(groups, rows, chunks, inputs // TRITS_PER_BYTE)
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
    digits = np.arange(CODES)[:, None] // 3 ** np.arange(TRITS_PER_BYTE) % 3 - 1
    trits = digits.astype(np.int8)[words.transpose(0, 2, 1, 3)]
    return trits.reshape(groups * rows, chunks * inputs)[:outputs, :length]
