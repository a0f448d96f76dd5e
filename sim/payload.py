"""Python values of stream payloads and their bits."""

from amaranth.hdl import Shape
from amaranth.lib import data


def pack(shape, value):
    """Bits of `value`: an integer for a plain shape, a dictionary or a list for a layout."""
    if isinstance(shape, data.Layout):
        return _pack_fields(shape, value)
    plain = Shape.cast(shape)
    low, high = (-(1 << plain.width >> 1), (1 << plain.width >> 1) - 1) if plain.signed \
        else (0, (1 << plain.width) - 1)
    value = int(value)
    if not low <= value <= high:
        raise ValueError(f"{value} does not fit {shape!r}")
    return value & ((1 << plain.width) - 1)


def _pack_fields(layout, value):
    fields = list(layout)
    names = set(value) if isinstance(value, dict) else set(range(len(value)))
    if names != {name for name, _ in fields}:
        raise ValueError(f"{value!r} does not have the fields of {layout!r}")
    return sum(pack(field.shape, value[name]) << field.offset for name, field in fields)


def unpack(shape, bits):
    """The value whose bits these are; what `pack` takes."""
    if isinstance(shape, data.ArrayLayout):
        return [_unpack_field(field, bits) for _, field in shape]
    if isinstance(shape, data.Layout):
        return {name: _unpack_field(field, bits) for name, field in shape}
    plain = Shape.cast(shape)
    bits &= (1 << plain.width) - 1
    return bits - (1 << plain.width) if plain.signed and bits >> (plain.width - 1) else bits


def _unpack_field(field, bits):
    return unpack(field.shape, bits >> field.offset)
