"""Shims, BAR 0 and interrupts behind the model of the UltraScale+ block and its root complex: what
the board asks of the host's memory."""

import struct

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.pcie.core.tlp import CplStatus, Tlp, TlpType
from cocotbext.pcie.xilinx.us.tlp import ErrorCode, Tlp_us

from .pcie_front_bench import PAUSES, Front


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
