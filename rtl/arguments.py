"""The argument blocks of the requests of docs/link.md, as the gateware sees them."""

from amaranth.lib import data

from ..common.link import ARGUMENTS, Opcode

_range = {"address": 32, "words": 32}
FIELDS = {
    Opcode.WRITE: _range,
    Opcode.READ: _range,
    Opcode.VERIFY: _range,
    Opcode.RUN: {"session": 32, "generate": 32, "temperature": 16, "flags": 16, "seed": 64},
    Opcode.PROMPT: {"session": 32, "index": 32, "tokens": 16, "flags": 16},
    Opcode.TOKENS: {"session": 32, "index": 32},
    Opcode.CANCEL: {"session": 32},
    Opcode.COUNTERS: {"flags": 32},
    Opcode.SIGNATURES: {"flags": 32},
    Opcode.MARCH: {"number": 32, "background": 32, **_range},  # ends as READ does
}
LAYOUTS = {opcode: data.StructLayout(FIELDS.get(opcode, {})) for opcode in Opcode}
assert all(LAYOUTS[o].size == 8 * ARGUMENTS[o].size for o in Opcode)

ARGUMENT_BITS = max(layout.size for layout in LAYOUTS.values())


def view(opcode, arguments):
    """The argument block in the register of ARGUMENT_BITS: it ends where the register does."""
    layout = LAYOUTS[opcode]
    return data.View(layout, arguments[ARGUMENT_BITS - layout.size:])
