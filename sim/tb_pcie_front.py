"""Shims, BAR 0 and interrupts behind the model of the UltraScale+ block and its root complex."""

import random
import struct

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge, select
from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpAttr, TlpTc, TlpType
from cocotbext.pcie.xilinx.us.tlp import ErrorCode, Tlp_us

from ..common.pcie import (
    BAR_BYTES,
    CLASS_CODE,
    DEVICE_ID,
    MAGIC,
    OFFSET,
    REGISTERS,
    VENDOR_ID,
    VERSION,
)
from ..rtl.pcie_interfaces import completion_layout, request_layout
from ..rtl.pcie_registers import reads_layout
from .packets import PacketSink, PacketSource, dwords_of, natural
from .payload import pack
from .pcie_device import PcieDevice
from .streams import parameters

PAUSES = [0, 0.5]
PLAIN = [r.name for r in REGISTERS if r.access == "rw" and r.name != "CONTROL"]
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
        self.requests = PacketSource(dut, "requests", request_layout, self.lanes, idle=pause)
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


@cocotb.test
async def the_function_is_found(dut):
    front = Front(dut)
    await front.start()
    found = front.device.function
    assert (found.vendor_id, found.device_id) == (VENDOR_ID, DEVICE_ID)
    assert found.class_code == CLASS_CODE
    assert found.bar_size[0] == BAR_BYTES and not any(found.bar_size[1:])
    assert await front.device.bar.read_dword(0) == int.from_bytes(b"TRIT", "little")


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def registers_are_what_the_table_says(dut, pause):
    """Values after reset; read-only ones stay; the others keep what is written."""
    front = Front(dut, pause=pause)
    await front.start()
    bar = front.device.bar
    assert await front.seen() == front.window()
    for register in REGISTERS:
        value = front.random.getrandbits(32) | 2
        await bar.write_dword(register.offset, value)
        if register.name in PLAIN:
            front.held[register.name] = value
        if register.name == "CONTROL":
            front.held["CONTROL"] = 2
            front.held["DOWN_TAIL"] = front.held["UP_TAIL"] = 0
        assert await bar.read_dword(register.offset) == front.held[register.name]
    assert await front.seen() == front.window()
    assert await bar.read(BAR_BYTES - 64, 64) == bytes(64)


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def every_length_at_every_byte(dut, pause):
    """The host's model cuts at its read request and payload sizes, which are above 16 dwords."""
    front = Front(dut, pause=pause)
    await front.start()
    bar, first = front.device.bar, OFFSET["WINDOW_LOW"]
    memory = bytearray(front.window())
    rest = memory[OFFSET["DOWN_HEAD"]:]
    for length in (*range(1, 17), 19, 24, 31, 32, 33, 47, 48):
        for offset in range(5):
            octets = front.random.randbytes(length)
            await bar.write(first + offset, octets)
            memory[first + offset:first + offset + length] = octets
            memory[first + 16:first + 32] = bytes(16)  # there is no register
            memory[OFFSET["DOWN_HEAD"]:] = rest
            assert await bar.read(first + offset, length) == \
                memory[first + offset:first + offset + length]
    assert await bar.read(0, 64) == memory[:64]
    assert await bar.read(64, 64) == memory[64:128]


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def byte_enables_of_all_patterns(dut, pause):
    front = Front(dut, pause=pause)
    await front.start()
    address, held = front.base + OFFSET["SCRATCH"], 0
    for enables in range(16):
        value = front.random.getrandbits(32)
        await front.device.request(TlpType.MEM_WRITE, address, first_be=enables,
                                   data=struct.pack("<I", value))
        mask = sum(0xFF << 8 * n for n in range(4) if enables >> n & 1)
        held = held & ~mask | value & mask
        (answer,) = await front.device.request(TlpType.MEM_READ, address, first_be=enables)
        places = [n for n in range(4) if enables >> n & 1] or [0]
        assert answer.status == CplStatus.SC and answer.length == 1
        assert answer.byte_count == places[-1] - places[0] + 1
        assert answer.lower_address == (address + places[0]) & 0x7F
        assert struct.unpack("<I", answer.data) == (held,)
        assert answer.requester_id == front.device.root.pcie_id
        assert answer.completer_id == front.device.device.functions[0].pcie_id
    assert await front.device.bar.read_dword(OFFSET["SCRATCH"]) == held


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def what_is_not_served_is_unsupported(dut, pause):
    """Long reads, other BARs, I/O; and writes of these sorts change nothing."""
    front = Front(dut, pause=pause, bars={0: BAR_BYTES, 2: 4096, 4: -256})
    await front.start()
    device = front.device
    other, ports = device.function.bar_addr[2], device.function.bar_addr[4]
    cases = [(TlpType.MEM_READ, front.base, 17), (TlpType.MEM_READ, front.base + 4, 128),
             (TlpType.MEM_READ, other, 1), (TlpType.IO_READ, ports, 1),
             (TlpType.IO_WRITE, ports, 1)]
    for kind, address, dwords in cases:
        for tc in (0, 5):
            data = bytes(4 * dwords) if kind == TlpType.IO_WRITE else b""
            (answer,) = await device.request(kind, address, dwords=dwords, data=data,
                                             tc=TlpTc(tc), attr=TlpAttr(tc & 3))
            assert answer.status == CplStatus.UR and answer.length == 0 and not answer.data
            assert answer.fmt_type == TlpType.CPL
            assert (answer.tc, answer.attr) == (tc, tc & 3)
            reads = kind == TlpType.MEM_READ
            assert answer.byte_count == (4 * dwords if reads else 4)
            assert answer.lower_address == (address & 0x7F if reads else 0)
    for address, dwords in ((front.base, 17), (front.base, 64), (other, 1), (other, 40)):
        await device.request(TlpType.MEM_WRITE, address, data=b"\xff" * 4 * dwords, dwords=dwords)
    assert await front.seen() == front.window()


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def kinds_that_the_host_model_does_not_send(dut, pause):
    """Put before the block's stream: locked reads and atomic operations get their answer, and what
    the block discontinued has none."""
    front = Front(dut, pause=pause)
    await front.start()
    model, answers = front.device.device, []
    front.device.to_host = lambda tlp: answers.append(tlp) or ()
    kinds = (TlpType.MEM_READ_LOCKED, TlpType.FETCH_ADD, TlpType.SWAP, TlpType.CAS)
    for tag, kind in enumerate(kinds):
        tlp = Tlp_us()
        tlp.fmt_type, tlp.address, tlp.tag, tlp.first_be = kind, front.base + 8, tag, 0b0110
        tlp.set_data(bytes(8 if kind == TlpType.CAS else 4))
        if kind == TlpType.MEM_READ_LOCKED:
            tlp.set_addr_be(front.base + 9, 2)
            tlp.data = b""
        await model.cq_source.send(tlp.pack_us_cq())
    for discontinue in (True, False):
        tlp = Tlp_us()
        tlp.fmt_type, tlp.discontinue = TlpType.MEM_WRITE, discontinue
        tlp.set_addr_be_data(front.base + OFFSET["WINDOW_LOW"], bytes([16 + discontinue] * 12))
        await model.cq_source.send(tlp.pack_us_cq())
    await ClockCycles(dut.clk, 300)
    assert [tlp.tag for tlp in answers] == list(range(len(kinds)))
    assert all(tlp.status == CplStatus.UR and not tlp.data for tlp in answers)
    assert [tlp.fmt_type for tlp in answers] == [TlpType.CPL_LOCKED] + 3 * [TlpType.CPL]
    assert [tlp.byte_count for tlp in answers] == [2, 4, 4, 4]
    assert [tlp.lower_address for tlp in answers] == [9, 0, 0, 0]
    assert dut.registers__values.value.to_bytes(byteorder="little").count(16) == 12
    assert dut.registers__values.value.to_bytes(byteorder="little").count(17) == 0


@cocotb.test
async def messages_are_swallowed(dut):
    front = Front(dut)
    await front.start()
    source, answers = front.device.device.cq_source, []

    def record(tlp):
        answers.append(tlp)
        return (tlp,)

    front.device.to_host = record
    for payload in (0, 1, 2):
        tlp = Tlp_us()
        tlp.fmt_type = TlpType.MEM_WRITE
        tlp.set_addr_be_data(front.base + 8, b"\xff" * 4 * payload or b"\xff")
        frame = tlp.pack_us_cq()
        frame.data[2] = frame.data[2] & ~(0xF << 11) | 0b1101 << 11  # a vendor's message
        if not payload:
            frame.data, frame.byte_en, frame.parity = frame.data[:4], frame.byte_en[:4], \
                frame.parity[:4]
        await source.send(frame)
    assert await front.seen() == front.window()
    assert [tlp.fmt_type for tlp in answers] == [TlpType.CPL_DATA] * (END // 32)


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def events_reach_the_host(dut, pause):
    front = Front(dut, pause=pause)
    await front.start()
    bar, event = front.device.bar, front.device.msi()

    async def pulse(bits):
        dut.registers__events.value = bits
        await RisingEdge(dut.clk)
        dut.registers__events.value = 0

    async def told(clocks=300):
        await select(event.wait(), ClockCycles(dut.clk, clocks))
        arrived = event.is_set()
        event.clear()
        return arrived

    await pulse(3)
    assert not await told()
    assert await bar.read_dword(OFFSET["EVENTS"]) == 3
    await bar.write_dword(OFFSET["EVENT_MASK"], 2)
    assert await told()
    await bar.write_dword(OFFSET["EVENTS"], 3)
    assert await bar.read_dword(OFFSET["EVENTS"]) == 0
    await pulse(1)
    assert not await told()
    await pulse(2)
    assert await told()
    await front.device.function.msi_set_enable(False)
    await pulse(2)
    assert not await told()
    await front.device.function.msi_set_enable(True)
    assert await told()
    assert not await told()


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def the_board_writes_host_memory(dut, pause):
    front = Front(dut, pause=pause)
    await front.start()
    address, memory = front.device.root.alloc_region(8192)
    expected = bytearray(8192)
    for n in range(60):
        dwords = front.random.choice([1, 2, 3, 16, 63, 64, front.random.randrange(1, 65)])
        at = front.random.randrange(0, 4096 - 256, 4) + 4096 * (n % 2)
        enables = [15] * dwords
        enables[-1] = front.random.choice([1, 3, 7, 15])
        enables[0] = front.random.choice([15, 14, 12, 8]) if dwords > 1 else \
            front.random.randrange(16)
        values = [front.random.getrandbits(32) for _ in range(dwords)]
        front.write({"address": address + at, "first_be": enables[0],
                     "last_be": enables[-1] if dwords > 1 else 0}, values)
        for place, (value, enable) in enumerate(zip(values, enables)):
            for byte in range(4):
                if enable >> byte & 1:
                    expected[at + 4 * place + byte] = value >> 8 * byte & 0xFF
    await front.device.within(20_000, front.requests.drained(), "end of the writes")
    await ClockCycles(dut.clk, 500)
    assert memory[:8192] == expected


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def the_board_reads_host_memory(dut, pause):
    front = Front(dut, pause=pause)
    front.device.root.split_on_all_rcb = True
    await front.start()
    address, memory = front.device.root.alloc_region(8192)
    memory[:8192] = front.random.randbytes(8192)
    wanted = {}
    for tag in range(40):
        dwords = front.random.choice([1, 2, 3, 16, 65, front.random.randrange(1, 129)])
        at = front.random.randrange(0, 4096 - 512, 4) + 4096 * (tag % 2)
        wanted[tag] = (at, dwords)
        front.read(address + at, dwords, tag)
    got = {tag: b"" for tag in wanted}
    while any(len(got[tag]) < 4 * dwords for tag, (_, dwords) in wanted.items()):
        header, dwords = await front.completion()
        at, count = wanted[header["tag"]]
        done = len(got[header["tag"]])
        assert header["address"] == (address + at + done) % 4096
        assert header["bytes"] == 4 * count - done
        assert not header["status"] and not header["poisoned"] and not header["malformed"]
        got[header["tag"]] += struct.pack(f"<{len(dwords)}I", *dwords)
        assert header["completed"] == (len(got[header["tag"]]) == 4 * count)
    assert all(got[tag] == memory[at:at + 4 * dwords] for tag, (at, dwords) in wanted.items())


@cocotb.test
async def a_read_of_some_bytes(dut):
    """The completion's address and bytes are those that the enables ask for."""
    front = Front(dut)
    await front.start()
    address, memory = front.device.root.alloc_region(4096)
    memory[:4096] = front.random.randbytes(4096)
    for tag, (at, dwords, first, last) in enumerate([
            (0, 1, 0b0110, 0), (4, 1, 0b1000, 0), (12, 2, 0b1100, 0b0011), (8, 3, 0b1000, 0b0001)]):
        front.read(address + at, dwords, tag, first, last)
        header, data = await front.completion()
        skip = (first & -first).bit_length() - 1
        cut = 4 - (last or first).bit_length()
        assert header["address"] == (address + at) % 4096 + skip
        assert header["bytes"] == 4 * dwords - skip - cut and header["completed"]
        octets = struct.pack(f"<{dwords}I", *data)
        assert octets[skip:4 * dwords - cut] == memory[at + skip:at + 4 * dwords - cut]


@cocotb.test
@cocotb.parametrize(pause=PAUSES)
async def completions_that_are_wrong(dut, pause):
    """Status, poison, the block's error codes, discontinued data; and a good one after each."""
    front = Front(dut, pause=pause)
    await front.start()
    address, memory = front.device.root.alloc_region(4096)
    memory[:4096] = front.random.randbytes(4096)
    fields = ("status", "poisoned", "malformed", "completed", "dwords")
    source = front.device.device.rc_source

    async def expect(tag, *values):
        header, _ = await front.completion()
        assert header["tag"] == tag and tuple(header[name] for name in fields) == values

    async def good(tag):
        front.read(address + 4 * tag, 9, tag)
        header, dwords = await front.completion()
        assert tuple(header[name] for name in fields) == (0, 0, 0, 1, 9)
        assert struct.pack("<9I", *dwords) == memory[4 * tag:4 * tag + 36]

    front.read(1 << 40, 4, 3)  # nothing is there
    await expect(3, CplStatus.UR, 0, 0, 1, 0)
    await good(3)

    def poison(tlp):
        tlp.ep = tlp.fmt_type == TlpType.CPL_DATA
        return (tlp,)

    front.device.from_host = poison
    front.read(address, 4, 5)
    await expect(5, 0, 1, 0, 1, 4)
    front.device.from_host = lambda tlp: (tlp,)
    await good(5)
    codes = {ErrorCode.INVALID_LENGTH: 1, ErrorCode.MISMATCH: 1, ErrorCode.INVALID_ADDRESS: 1,
             ErrorCode.INVALID_TAG: 1, ErrorCode.BAD_STATUS: 0}
    for code, malformed in codes.items():
        await source.send(spoilt(address, 6, 8, error_code=code))
        await expect(6, 0, 0, malformed, 0, 8)
        await good(6)
    for code in (ErrorCode.TIMEOUT, ErrorCode.FLR):
        frame = spoilt(address, 7, 0, error_code=code, request_completed=True)
        frame.data[0] |= 0xFFF | 0x1FFF << 16
        frame.data[1] |= 0x7FFF
        await source.send(frame)
        await expect(7, 0, 0, 1, 1, 0)
        await good(7)
    for dwords in (1, 2, 8, 64):
        await source.send(spoilt(address, 8, dwords, discontinue=True, request_completed=True))
        await expect(8, 0, 0, 1, 1, 0)
        await good(8)


def spoilt(address, tag, dwords, **fields):
    """A frame of RC: a completion as the block would not send it without an error."""
    tlp = Tlp_us(Tlp())
    tlp.fmt_type, tlp.tag, tlp.lower_address = TlpType.CPL_DATA, tag, address & 0x7F
    tlp.byte_count = 4 * dwords
    tlp.set_data(bytes(4 * dwords))
    for name, value in fields.items():
        setattr(tlp, name, value)
    return tlp.pack_us_rc()


@cocotb.test
async def streams_run_without_gaps(dut):
    """Writes and completions of 256 bytes: a beat of the block's streams a clock."""
    front = Front(dut)
    front.device.let_link_be_free()
    await front.start()
    address, _ = front.device.root.alloc_region(16384)
    clocks = {"rq": [], "rc": []}

    async def watch():
        number = 0
        while True:
            await RisingEdge(dut.clk)
            number += 1
            for name, passed in clocks.items():
                if getattr(dut, f"{name}__tvalid").value and getattr(dut, f"{name}__tready").value:
                    passed.append(number)

    cocotb.start_soon(watch())
    for n in range(40):
        front.write({"address": address + 256 * n, "first_be": 15, "last_be": 15},
                    [front.random.getrandbits(32) for _ in range(64)])
    await front.device.within(20_000, front.requests.drained(), "end of the writes")
    await ClockCycles(dut.clk, 100)
    assert len(clocks["rq"]) == 40 * -(-68 // front.lanes)
    assert clocks["rq"][-1] - clocks["rq"][0] + 1 == len(clocks["rq"])
    for tag in range(16):
        front.read(address + 256 * tag, 64, tag)
    for _ in range(16):
        await front.completion()
    beats = clocks["rc"]
    assert len(beats) == 16 * -(-67 // front.lanes)
    assert beats[-1] - beats[0] + 1 == len(beats)
