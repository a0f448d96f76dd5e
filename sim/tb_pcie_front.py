"""Shims, BAR 0 and interrupts behind the model of the UltraScale+ block and its root complex: what
the host asks, and interrupts."""

import struct

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge, select
from cocotbext.pcie.core.tlp import CplStatus, TlpAttr, TlpTc, TlpType
from cocotbext.pcie.xilinx.us.tlp import Tlp_us

from ..common.pcie import BAR_BYTES, CLASS_CODE, DEVICE_ID, OFFSET, REGISTERS, VENDOR_ID
from .pcie_front_bench import END, PAUSES, Front

PLAIN = [r.name for r in REGISTERS if r.access == "rw" and r.name != "CONTROL"]


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
    for discontinue in (True, False, True):  # a whole write between two that count for nothing
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
