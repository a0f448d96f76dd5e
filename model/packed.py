"""The packed form of a model: trits five to a byte, with the mean|W| that they were cut from.

docs/checkpoints.md gives the format. Trits alone are not enough: a ternary matrix that is
quantised again keeps its trits and loses its scale, so the mean travels with them.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field

import numpy as np

from ..common.config import TRITS_PER_BYTE
from .errors import CheckpointError
from .ternary import CODES, SMALLEST_MEAN, Ternary, pack_trits, unpack_trits

METHOD, VERSION = "tritone", 1
RECORD = "quantization_config"  # the field of config.json
FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Record:
    """What config.json says of a packed model.

    dtype : safetensors' name of the dtype that the ternary matrices had
    other_dtypes : key -> dtype of matrices that had another
    sizes : hidden, layers, inner, vocabulary
    trits : ternary weights of the model
    """

    dtype: str
    sizes: dict
    trits: int
    other_dtypes: dict = field(default_factory=dict)
    quant_method: str = METHOD
    version: int = VERSION

    @classmethod
    def of(cls, shape, dtypes):
        """The Record of a model whose matrices have `dtypes` (key -> name)."""
        common = Counter(dtypes.values()).most_common(1)[0][0]
        others = {key: dtype for key, dtype in dtypes.items() if dtype != common}
        return cls(common, asdict(shape), shape.trits, others)

    def dtype_of(self, key):
        return self.other_dtypes.get(key, self.dtype)


def packed_record(settings):
    """The Record of checked Settings, None for a released model; CheckpointError for a bad one."""
    record = settings.fields.get(RECORD)
    if record is None:
        return None

    def refuse(what, expected):
        raise CheckpointError(f"{settings.path}: {RECORD}.{what}; expected {expected}")

    if not isinstance(record, dict) or record.get("quant_method") != METHOD:
        raise CheckpointError(f"{settings.path}: {RECORD} is not of method {METHOD!r}; expected a "
                              "model in released form or packed by tritone convert")
    if record.get("version") != VERSION:
        refuse(f"version is {record.get('version')!r}", VERSION)
    others = record.get("other_dtypes", {})
    if not isinstance(others, dict):
        refuse("other_dtypes is no object", "tensor -> dtype")
    for dtype in [record.get("dtype"), *others.values()]:
        if dtype not in FLOATS:
            refuse(f"dtype is {dtype!r}", " or ".join(FLOATS))
    shape = settings.shape
    for name, expected in (("sizes", asdict(shape)), ("trits", shape.trits)):
        if record.get(name) != expected:
            refuse(f"{name} is {record.get(name)!r}", f"{expected}, as the fields beside it say")
    return Record(record["dtype"], asdict(shape), shape.trits, others)


def mean_key(key):
    """Key of the mean of a matrix: ...i_proj.weight -> ...i_proj.mean"""
    return key.removesuffix("weight") + "mean"


def code_shape(shape):
    """Shape of the bytes of a matrix [out, in]: every row begins with a byte of its own."""
    return shape[0], -(-shape[1] // TRITS_PER_BYTE)


def packed_tensors(key, shape):
    """Yields (key, shape, dtypes) of the two tensors that a matrix becomes."""
    yield key, code_shape(shape), ("U8",)
    yield mean_key(key), (1,), ("F32",)


def pack_matrix(ternary):
    """Ternary -> bytes uint8 [out, ceil(in / 5)], mean float32 [1]; rows end in zero trits."""
    short = -ternary.trits.shape[1] % TRITS_PER_BYTE
    padded = np.pad(ternary.trits, ((0, 0), (0, short))) if short else ternary.trits
    return pack_trits(padded), np.array([ternary.mean], np.float32)


def read_matrix(weights, key, length):
    """The Ternary of a packed matrix with `length` inputs, from its Weights.

    Raises
    ------
    CheckpointError : a byte that is not five trits, trits beyond the row's end, a bad mean
    """
    codes, path = weights.read(key), weights.entries[key].path
    if codes.max() >= CODES:
        row, column = np.unravel_index(np.argmax(codes >= CODES), codes.shape)
        raise CheckpointError(f"{path}: tensor {key} has byte {codes[row, column]} at [{row}, "
                              f"{column}]; expected five trits, 0 to {CODES - 1}")
    trits = unpack_trits(codes)
    if trits[:, length:].any():
        raise CheckpointError(f"{path}: tensor {key} has trits beyond a row's {length}; "
                              "expected zeros there")
    mean = weights.read(mean_key(key))[0]
    if mean < np.float32(SMALLEST_MEAN):
        raise CheckpointError(f"{path}: tensor {mean_key(key)} is {mean}; "
                              f"expected at least {SMALLEST_MEAN}")
    return Ternary(np.ascontiguousarray(trits[:, :length]), mean)
