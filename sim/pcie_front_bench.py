"""PcieFront between the model of the UltraScale+ block and a testbench in the engines' place."""

import random
import struct

from ..common.pcie import MAGIC, OFFSET, VERSION
from ..rtl.pcie_interfaces import completion_layout, request_layout
from ..rtl.pcie_registers import reads_layout
from .packets import PacketSink, PacketSource, dwords_of, natural
from .payload import pack
from .pcie_device import PcieDevice
from .streams import parameters

PAUSES = [0, 0.5]
END = 0xA0  # a little after the last register


class Front:
    """The top between the host and this testbench, which has the engines' and the rings' place."""

    def __init__(self, dut, *, pause=0, **options):
        self.dut, self.lanes = dut, parameters()["lanes"]
        self.random = random.Random(1)
        self.device = PcieDevice(dut, **options)
        self.device.pause(pause)
        self.reads = {name: self.random.getrandbits(32) for name, _ in reads_layout}
        dut.registers__reads.value = pack(reads_layout, self.reads)
        dut.registers__events.value = 0
        self.requests = PacketSource(dut, "requests", request_layout, self.lanes, idle=pause,
                                     late=20 if pause else 0)
        self.completions = PacketSink(dut, "completions", completion_layout, self.lanes,
                                      lambda header: header["dwords"], stall=pause)
        self.held = {name: 0 for name in OFFSET} | self.reads | {"MAGIC": MAGIC, "VERSION": VERSION}

    async def start(self):
        await self.device.start()
        self.base = self.device.function.bar_addr[0]

    def write(self, header, dwords):
        """A write request of the board."""
        place = header["address"] // 4 % self.lanes
        self.requests.send({"write": 1, "tag": 0, "dwords": len(dwords)} | header,
                           natural(self.random, self.lanes, place, dwords))

    def read(self, address, dwords, tag, first_be=15, last_be=None):
        """A read request of the board."""
        last_be = (15 if dwords > 1 else 0) if last_be is None else last_be
        self.requests.send({"write": 0, "tag": tag, "dwords": dwords, "address": address,
                            "first_be": first_be, "last_be": last_be})

    async def completion(self, clocks=2000):
        """(header, dwords) of the next."""
        header, beats = await self.device.within(clocks, self.completions.recv(), "completion")
        place = header["address"] // 4 % self.lanes
        return header, dwords_of(beats, place, header["dwords"]) if beats else []

    async def seen(self):
        """What the host reads where the registers are."""
        return b"".join([await self.device.bar.read(n, 32) for n in range(0, END, 32)])

    def window(self):
        """What it must read."""
        memory = bytearray(END)
        for name, offset in OFFSET.items():
            struct.pack_into("<I", memory, offset, self.held[name])
        return bytes(memory)
