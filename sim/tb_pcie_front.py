"""Shims, BAR 0 and interrupts behind the model of the UltraScale+ block and its root complex."""

import random

import cocotb
from cocotb.triggers import ClockCycles
from cocotbext.pcie.core.tlp import CplStatus, TlpType

from ..common.pcie import *
from .pcie_device import PcieDevice

@cocotb.test
async def smoke(dut):
    device = PcieDevice(dut)
    await device.start()
    print(hex(await device.bar.read_dword(0)), await device.bar.read_dword(4))
    await device.bar.write_dword(8, 0x12345678)
    print(hex(await device.bar.read_dword(8)))
