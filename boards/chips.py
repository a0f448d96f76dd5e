"""What the ECP5 chips hold (Lattice FPGA-DS-02012, table 1.1), and whether a netlist fits.

The LFE5U-12F is sold with 12,000 LUT4 and 32 block RAMs, on the die of the LFE5U-25F with all of it
alive; the open tools place in the whole die, so it counts as a 25F here.
"""

from .board import BoardError, boards

LUT4_OF = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}  # what a cell takes of the chip's LUT4
CELL_OF = {"FF": "TRELLIS_FF", "EBR": "DP16KD", "DSP": "MULT18X18D"}
_25F = {"LUT4": 24_288, "FF": 24_288, "EBR": 56, "DSP": 28}
_85F = {"LUT4": 83_640, "FF": 83_640, "EBR": 208, "DSP": 156}
CHIPS = {"LFE5U-12F": _25F, "LFE5U-25F": _25F,
         "LFE5U-45F": {"LUT4": 43_848, "FF": 43_848, "EBR": 108, "DSP": 72},
         "LFE5U-85F": _85F, "LFE5UM5G-85F": _85F}


def lut4(cells):
    """LUT4 that {cell: count} takes, distributed RAM and carries included."""
    return sum(LUT4_OF.get(cell, 0) * count for cell, count in cells.items())


def needs(cells):
    """{resource: count} of {cell: count}."""
    return {"LUT4": lut4(cells),
            **{name: cells.get(cell, 0) for name, cell in CELL_OF.items()}}


def overflow(need, device):
    """What `device` has too little of, in words; "" when `need` fits."""
    chip = CHIPS[device]
    return ", ".join(f"{need[name]:,} {name} of {have:,}" for name, have in chip.items()
                     if need[name] > have)


def check_room(board, cells):
    """BoardError when a netlist does not fit, with the boards of the same kind, streamed or
    resident, whose chip is large enough."""
    need, device = needs(cells), board.platform.device
    if not (what := overflow(need, device)):
        return
    others = [name for name, other in sorted(boards().items())
              if (other.memory is None) == (board.memory is None)
              and not overflow(need, other.platform.device)]
    raise BoardError(f"{board.title}: the machine of preset {board.preset!r} needs {what} in its "
                     f"{device}; large enough: {', '.join(others) or 'no board here'}")
