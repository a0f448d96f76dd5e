"""BarRegisters against a dictionary of registers."""

import random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.pcie import CONTROL_ENABLE, CONTROL_RESET, MAGIC, OFFSET, REGISTERS, VERSION
from ..rtl.pcie_interfaces import host_completion_layout, host_request_layout
from ..rtl.pcie_registers import reads_layout, values_layout, written_layout
from .packets import PacketSink, PacketSource, dwords_of, natural
from .payload import pack, unpack
from .streams import parameters, start

READ, WRITE, OTHER_POSTED, OTHER = range(4)
SUCCESSFUL, UNSUPPORTED = 0, 1
MOST = 16  # dwords of a request that is served
NAMES = {offset: name for name, offset in OFFSET.items()}
WRITABLE = {r.name for r in REGISTERS if r.access == "rw"}
END = 0xA0  # a little after the last register


class Model:
    """What the registers hold. `written`: (name, value) in order."""

    def __init__(self, reads):
        self.held = {r.name: 0 for r in REGISTERS} | reads | {"MAGIC": MAGIC, "VERSION": VERSION}
        self.written, self.resets = [], 0

    def read(self, address):
        return self.held.get(NAMES.get(address), 0)

    def write(self, address, dword, enables):
        name = NAMES.get(address)
        if name not in WRITABLE or not enables:
            return
        mask = sum(0xFF << 8 * n for n in range(4) if enables >> n & 1)
        value = self.held[name] & ~mask | dword & mask
        if name != "CONTROL":
            self.held[name] = value
            self.written.append((name, value))
        elif enables & 1:
            self.held[name] = value & CONTROL_ENABLE
            if value & CONTROL_RESET:
                self.resets += 1
                self.held["DOWN_TAIL"] = self.held["UP_TAIL"] = 0


class Bench:
    """BarRegisters between the host's requests and a model of them."""

    def __init__(self, dut, *, idle=0, stall=0):
        self.dut, self.lanes = dut, parameters()["lanes"]
        self.random = random.Random(1)
        reads = {name: self.random.getrandbits(32) for name, _ in reads_layout}
        dut.registers__reads.value = pack(reads_layout, reads)
        dut.registers__events.value = 0
        self.model = Model(reads)
        self.requests = PacketSource(dut, "host_requests", host_request_layout, self.lanes,
                                     idle=idle, pause=idle)
        self.answers = PacketSink(dut, "host_completions", host_completion_layout, self.lanes,
                                  lambda header: header["dwords"], stall=stall, steady=True)
        self.expected, self.written, self.resets = [], [], 0
        cocotb.start_soon(self._watch())

    async def _watch(self):
        while True:
            await RisingEdge(self.dut.clk)
            if not self.dut.rst.value:
                values = unpack(values_layout, int(self.dut.registers__values.value))
                pulses = unpack(written_layout, int(self.dut.registers__written.value))
                self.written += [(name, values[name]) for name, pulse in pulses.items() if pulse]
                self.resets += int(self.dut.registers__reset.value)

    def request(self, kind, address, dwords, *, first_be=15, last_be=None, bar=0, locked=0,
                values=None):
        """Sends one and notes what comes of it."""
        some = self.random.getrandbits
        last_be = (15 if dwords > 1 else 0) if last_be is None else last_be
        carried = {"tag": some(8), "requester": some(16), "tc": some(3), "attr": some(3),
                   "locked": locked}
        header = {"kind": kind, "address": address, "dwords": dwords, "first_be": first_be,
                  "last_be": last_be, "bar": bar, **carried}
        served = bar == 0 and dwords <= MOST
        place = address // 4 % self.lanes
        data = [some(32) for _ in range(dwords)] if values is None else values
        self.requests.send(header, natural(self.random, self.lanes, place, data)
                           if kind == WRITE else [])
        if kind == WRITE and served:
            for n, dword in enumerate(data):
                self.model.write(address + 4 * n, dword, first_be if n == 0 else
                                 last_be if n == dwords - 1 else 15)
        if kind in (READ, OTHER):
            self.expect(header, carried, kind == READ and served)

    def expect(self, header, carried, success):
        """The answer's header and data, from the bytes that are asked for."""
        address, dwords = header["address"], header["dwords"]
        asked = [n for n in range(4 * dwords) if
                 (header["first_be"] if n < 4 else
                  header["last_be"] if n >= 4 * dwords - 4 else 15) >> n % 4 & 1] or [0]
        reads = header["kind"] == READ or header["locked"]
        answer = {
            "status": SUCCESSFUL if success else UNSUPPORTED, "dwords": dwords if success else 0,
            "address": (address + asked[0]) % 128 if reads else 0,
            "bytes": asked[-1] - asked[0] + 1 if reads else 4, **carried}
        self.expected.append((answer, address // 4 % self.lanes, [
            self.model.read(address + 4 * n) for n in range(dwords)] if success else []))

    async def check(self):
        """All answers, pulses and values so far."""
        for answer, place, data in self.expected:
            header, beats = await self.answers.recv()
            assert header == answer
            assert not data or dwords_of(beats, place, len(data)) == data
        self.expected.clear()
        await self.requests.drained()
        await self.answers.quiet(10)
        assert self.written == self.model.written
        assert self.resets == self.model.resets
        values = unpack(values_layout, int(self.dut.registers__values.value))
        assert values == {name: self.model.held[name] for name in values}
        assert int(self.dut.registers__enable.value) == self.model.held["CONTROL"] >> 1


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def requests_of_all_sorts(dut, idle, stall):
    await start(dut)
    bench = Bench(dut, idle=idle, stall=stall)
    draw = bench.random
    for _ in range(500):
        dwords = draw.choice([1, 1, 2, 3, 8, 15, 16, draw.randrange(1, 17), draw.randrange(17, 40)])
        address = draw.choice([draw.randrange(0, END, 4), draw.randrange(0, 4096 - 4 * dwords, 4)])
        bench.request(draw.choice([READ, READ, WRITE, WRITE, WRITE, OTHER, OTHER_POSTED]), address,
                      dwords, bar=draw.choice([0] * 7 + [draw.randrange(1, 8)]),
                      first_be=draw.choice([15, draw.randrange(dwords > 1, 16)]),
                      last_be=draw.choice([15, draw.randrange(1, 16)]) if dwords > 1 else 0,
                      locked=draw.getrandbits(1))
        await bench.check() if draw.random() < 0.02 else None
    await bench.check()


@cocotb.test
async def every_length_at_every_place(dut):
    await start(dut)
    bench = Bench(dut)
    for dwords in range(1, MOST + 1):
        for address in range(0, END, 4):
            bench.request(WRITE, address, dwords)
            bench.request(READ, address, dwords)
    await bench.check()


@cocotb.test
async def all_byte_enables(dut):
    await start(dut)
    bench = Bench(dut)
    for first in range(16):
        bench.request(WRITE, OFFSET["SCRATCH"], 1, first_be=first)
        bench.request(READ, OFFSET["SCRATCH"], 1)
        bench.request(READ, OFFSET["SCRATCH"], 1, first_be=first)
        for last in range(1, 16 if first else 1):  # of more than one dword neither may be 0
            for dwords in (2, 3, 6):
                bench.request(WRITE, OFFSET["DOWN_BASE_LOW"], dwords, first_be=first, last_be=last)
                bench.request(READ, OFFSET["DOWN_BASE_LOW"], dwords, first_be=first, last_be=last)
    await bench.check()


@cocotb.test
async def the_longest_requests_change_nothing(dut):
    await start(dut)
    bench = Bench(dut)
    for dwords in (17, 31, 64, 1024):
        bench.request(WRITE, 0, dwords)
        bench.request(READ, 0, dwords)
        bench.request(READ, 0, 16)
    await bench.check()
    assert not bench.written and not bench.resets


@cocotb.test
async def control_acts(dut):
    """Reset is a pulse, reads as 0 and makes the tails 0; enable stays as it was written."""
    await start(dut)
    bench = Bench(dut)
    for value, enables in ((3, 15), (2, 15), (0, 14), (1, 1), (3, 2), (2, 1), (3, 3)):
        for name in ("DOWN_TAIL", "UP_TAIL"):
            bench.request(WRITE, OFFSET[name], 1)
        bench.request(WRITE, OFFSET["CONTROL"], 1, first_be=enables, values=[value])
        for name in ("CONTROL", "DOWN_TAIL", "UP_TAIL", "DOWN_SIZE"):
            bench.request(READ, OFFSET[name], 1)
        await bench.check()
    assert bench.resets == 3


@cocotb.test
async def events_are_kept_until_cleared(dut):
    await start(dut)
    bench = Bench(dut)

    async def pulse(bits):
        dut.registers__events.value = bits
        await RisingEdge(dut.clk)
        dut.registers__events.value = 0
        await ClockCycles(dut.clk, 2)

    async def clear(bits, enables=15):
        bench.request(WRITE, OFFSET["EVENTS"], 1, first_be=enables, values=[bits])
        await bench.check()

    async def expect(bits):
        assert dut.registers__pending.value == bits
        bench.model.held["EVENTS"] = bits
        bench.request(READ, OFFSET["EVENTS"], 1)
        await bench.check()

    await expect(0)
    for bits in (1, 2, 3):
        await pulse(bits)
        await expect(bits)
        await clear(0)
        await clear(3, enables=14)
        await expect(bits)
        await clear(~bits & 3 | 0xFFFFFFFC)
        await expect(bits)
        await pulse(3)
        await clear(bits)
        await expect(3 & ~bits)
        await clear(3)
        await expect(0)
    dut.registers__events.value = 1  # in the clock of the clearing, too
    await ClockCycles(dut.clk, 2)
    for _ in range(5):
        bench.request(WRITE, OFFSET["EVENTS"], 1, values=[3])
        for _ in range(8):
            await RisingEdge(dut.clk)
            assert dut.registers__pending.value == 1
