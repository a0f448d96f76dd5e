"""A machine with known toggles, on a chip with known currents."""

from fractions import Fraction

from tritone.common.sdram_parts import SdramPart
from tritone.power.activity import Activity
from tritone.power.energies import Chip, Energies, Energy

CHIP = Chip(core_ma=200, aux_ma=20, bank_ma=0.5, banks=8, core_volts=1.1)
NAMES = ("leakage", "auxiliary", "pll", "routing", "lut", "glitches", "carry", "register", "clock",
         "process", "likeness", "lutram_write", "ebr", "dsp", "unseen", "pin", "data_activity",
         "command_activity", "sdram_standby", "sdram_beat", "sdram_row", "sdram_refresh", "rest",
         "conversion")


def energies(factor=2.0, **typical):
    """Energies of 1 each unless `typical` says otherwise."""
    return Energies({name: Energy(typical=typical.get(name, 1.0), factor=factor, unit="J",
                                  source="assumed") for name in NAMES}, {"LFE5U-85F": CHIP})


def activity(**changes):
    """Two blocks, 100 clocks a token."""
    return Activity(**{
        "preset": "toy", "model": "models/toy", "cells": {"LUT4": 1000, "FF": 500, "EBR": 0,
                                                          "DSP": 0},
        "clocks": 100, "words": 10,
        "token": {"Scale": {"lut": 50.0, "gate_routing": 120.0, "ebr": 100.0},
                  "Link": {"register": 30.0, "routing": 60.0}},
        "idle": {"Link": {"register": 0.1}}, "clocked": {"Scale": 300, "Link": 200},
        "errors": {"lut": 0.0}, "windows": 3, "prompt": "Once", "commit": "abc"} | changes)


def report(**changes):
    return {"device": "LFE5U-85F-6BG381", "clock_hz": 1000, "speed": {"clocks_per_token": 200},
            "utilisation": {"LUT4": {"used": 1000}, "FF": {"used": 500}}} | changes


PART = SdramPart(name="toy", banks=4, rows=8192, columns=512, data_bits=16, refresh_ns=64_000_000,
                 t_ras_most=100_000, **dict.fromkeys(
                     ("t_rcd", "t_rp", "t_ras", "t_rc", "t_rrd", "t_wr", "t_rfc"), Fraction(20)))
