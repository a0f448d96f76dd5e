"""Control with a machine and a memory in Python behind it."""

import zlib

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common import link
from ..common.counters import COUNTERS
from ..common.link import ARGUMENTS, RESPONSE, Opcode, RunFlag, Status, TokensFlag
from ..common.signatures import STREAMS
from ..rtl.interfaces import model_layout
from .control_bench import TB, sampled
from .payload import pack
from .streams import parameters, start

async def running(tb):
    identity = await tb.ask(Opcode.IDENTIFY)
    return link.parse_identity(identity)["running"]


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def memory_is_written_read_and_verified(dut, idle, stall):
    await start(dut)
    tb = TB(dut, idle, stall)
    size = tb.config.word_bytes
    most = link.MAX_DATA // size
    for words in (1, 2, tb.config.burst_words, tb.config.burst_words + 1, most):
        address = tb.random.randrange(tb.config.memory_words - most)
        octets = tb.random.randbytes(words * size)
        before = dict(tb.memory.words)
        await tb.ask(Opcode.WRITE, address, words, octets=octets)
        after = {address + n: int.from_bytes(octets[n * size:(n + 1) * size], "little")
                 for n in range(words)}
        assert tb.memory.words == before | after
        assert await tb.ask(Opcode.READ, address, words) == octets
        crc = await tb.ask(Opcode.VERIFY, address, words)
        assert crc == link.CRC.pack(zlib.crc32(octets))
    assert await tb.ask(Opcode.VERIFY, 0, 0) == link.CRC.pack(0)
    assert await tb.ask(Opcode.READ, 0, 0) == b""


@cocotb.test
async def identify_tells_config_and_status(dut):
    await start(dut)
    tb = TB(dut)
    tb.machine.error = 0xA5
    tb.machine.show()
    tb.machine.port("model").value = pack(model_layout, {"id": 0x89ABCDEF, "vocabulary": 600})
    identity = link.parse_identity(await tb.ask(Opcode.IDENTIFY))
    assert identity == {"protocol": link.PROTOCOL_VERSION, "gateware": link.GATEWARE_VERSION,
                        "counters": len(COUNTERS), "config": tb.config, "ready": True,
                        "signatures": len(STREAMS) if tb.config.signatures else 0,
                        "busy": False, "running": False, "error": 0xA5, "session": 0,
                        "model_id": 0x89ABCDEF, "vocabulary": 600}


@cocotb.test
@cocotb.parametrize(stall=[0, 0.5])
async def counters_are_told_in_order(dut, stall):
    await start(dut)
    tb = TB(dut, stall=stall)
    octets = b"".join(v.to_bytes(link.COUNTER_BYTES, "little") for v in tb.machine.counters)
    assert await tb.ask(Opcode.COUNTERS, 0) == octets
    assert tb.machine.pulses == []
    assert await tb.ask(Opcode.COUNTERS, link.CLEAR) == octets
    assert tb.machine.pulses == ["clear_counters"]


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def tokens_come_in_order(dut, idle, stall):
    await start(dut)
    tb = TB(dut, idle, stall)
    sizes = [(1, 1), (1, 0), (2, 5), (tb.config.token_fifo + 3, 2),
             (3, 2 * tb.config.token_fifo + 1)]
    for session, (prompt, generate) in enumerate(sizes, 1):
        prompt = tb.some_tokens(prompt)
        assert await tb.run(session, prompt, generate, 9) == sampled(prompt, generate, 9)
    assert tb.machine.pulses.count("reset_state") == len(sizes)


@cocotb.test
async def a_full_queue_of_tokens_stops_the_machine_and_loses_none(dut):
    await start(dut)
    tb = TB(dut, slowness=1)
    depth = tb.config.token_fifo
    prompt, generate = tb.some_tokens(2), 3 * depth
    await tb.ask(Opcode.RUN, 1, generate, 0, RunFlag.RESET_STATE, 0)
    await tb.prompt(1, prompt)
    await ClockCycles(dut.clk, 20 * depth)
    assert tb.machine.busy
    tokens, _ = await tb.poll(1, 0)
    assert len(tokens) == depth and (await tb.poll(1, 0))[0] == tokens
    while len(tokens) < generate:
        tokens += (await tb.poll(1, len(tokens)))[0]
    assert tokens == sampled(prompt, generate)


@cocotb.test
@cocotb.parametrize(part=["nothing", "begun", "half", "all"], slowness=[1, 60])
async def a_cancel_is_safe_at_any_clock(dut, part, slowness):
    await start(dut)
    tb = TB(dut, slowness=slowness)
    for session in range(1, 60, 2):
        prompt = tb.some_tokens(6)
        await tb.ask(Opcode.RUN, session, 1000, 0, RunFlag.RESET_STATE, 0)
        sent = {"nothing": 0, "begun": 1, "half": 3, "all": 6}[part]
        await tb.prompt(session, prompt[:sent], last=part == "all")
        await ClockCycles(dut.clk, tb.random.randrange(2 * slowness + 20))
        while link.parse_machine_status(await tb.ask(Opcode.CANCEL, session))["running"]:
            pass
        assert not tb.machine.busy and not dut.open.value
        tokens, flags = await tb.poll(session, 0)
        assert flags == TokensFlag.OVER | TokensFlag.CANCELLED or len(tokens) > 160
        assert tokens == sampled(prompt, len(tokens))
        assert await tb.run(session + 1, prompt, 2) == sampled(prompt, 2)


@cocotb.test
async def a_poll_without_news_is_answered_in_time(dut):
    await start(dut)
    tb = TB(dut)
    await tb.ask(Opcode.RUN, 1, 5, 0, RunFlag.RESET_STATE, 0)
    before = tb.memory.clock
    assert await tb.poll(1, 0) == ([], 0)
    assert 0 <= tb.memory.clock - before - parameters()["poll_clocks"] < 100


@cocotb.test
async def repeats_execute_nothing_twice(dut):
    await start(dut)
    tb = TB(dut)
    prompt = tb.some_tokens(4)
    flags = RunFlag.RESET_STATE | RunFlag.RESEED | RunFlag.CLEAR_COUNTERS
    for _ in range(3):
        await tb.ask(Opcode.RUN, 7, 3, 1, flags, 5)
    for _ in range(2):
        await tb.prompt(7, prompt[:2], last=False)
        await tb.prompt(7, prompt[:2], last=False)
    for _ in range(3):
        await tb.prompt(7, prompt, index=1)
        await tb.ask(Opcode.RUN, 7, 9, 9, flags, 9)
    tokens, over = [], 0
    while not over:
        tokens, over = await tb.poll(7, 0)
    assert tokens == sampled(prompt, 3, 1)
    assert sorted(tb.machine.pulses) == ["clear_counters", "reseed", "reset_state"]
    for _ in range(2):
        await tb.ask(Opcode.CANCEL, 7)
    assert tb.machine.seed == 5


@cocotb.test
async def a_load_waits_for_ready_or_error(dut):
    await start(dut)
    tb = TB(dut)

    async def load(clocks, ready, error):
        while "load_model" not in tb.machine.pulses:
            await RisingEdge(dut.clk)
        tb.machine.ready = tb.machine.error = 0
        tb.machine.show()
        await ClockCycles(dut.clk, clocks)
        tb.machine.ready, tb.machine.error = ready, error
        tb.machine.show()
        tb.machine.pulses.clear()

    limit = parameters()["poll_clocks"]
    for clocks, ready, error in ((1, 1, 0), (limit // 2, 1, 0), (5, 0, 3), (limit + 50, 1, 0)):
        task = cocotb.start_soon(load(clocks, ready, error))
        status = link.parse_machine_status(await tb.ask(Opcode.LOAD_MODEL))
        assert status["ready"] == (ready and clocks < limit) and status["error"] == error
        await task
    tb.machine.ready = 0
    tb.machine.show()
    status, _ = await tb.raw(Opcode.RUN, ARGUMENTS[Opcode.RUN].pack(1, 1, 0, 0, 0))
    assert status == Status.NOT_READY


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5])
async def bad_requests_leave_no_trace(dut, idle):
    await start(dut)
    tb = TB(dut, idle)
    last, size = tb.config.memory_words - 1, tb.config.word_bytes

    def block(opcode, *values):
        return ARGUMENTS[opcode].pack(*values)

    bad = [
        (len(Opcode), b"", Status.UNKNOWN_OPCODE), (127, bytes(30), Status.UNKNOWN_OPCODE),
        (Opcode.WRITE, bytes(7), Status.BAD_LENGTH),
        (Opcode.WRITE, block(Opcode.WRITE, 0, 2) + bytes(2 * size - 1), Status.BAD_LENGTH),
        (Opcode.WRITE, block(Opcode.WRITE, last, 2) + bytes(2 * size), Status.BAD_ADDRESS),
        (Opcode.READ, block(Opcode.READ, 0, link.MAX_DATA // size + 1), Status.BAD_LENGTH),
        (Opcode.READ, block(Opcode.READ, last, 2), Status.BAD_ADDRESS),
        (Opcode.RUN, block(Opcode.RUN, 0, 1, 0, 0, 0), Status.BAD_SESSION),
        (Opcode.TOKENS, block(Opcode.TOKENS, 3, 0), Status.BAD_SESSION),
        (Opcode.TOKENS, block(Opcode.TOKENS, 0, 1), Status.BAD_INDEX),
        (Opcode.PROMPT, block(Opcode.PROMPT, 0, 0, 171, 0) + bytes(513), Status.BAD_LENGTH),
        (Opcode.CANCEL, block(Opcode.CANCEL, 3), Status.BAD_SESSION),
    ]
    for opcode, octets, status in bad:
        assert await tb.raw(opcode, octets) == (status, b""), (opcode, octets[:12], status)
    assert not tb.memory.words and not tb.machine.pulses and not await running(tb)
    await tb.ask(Opcode.RUN, 1, 1, 0, 0, 0)
    for opcode, octets in ((Opcode.READ, block(Opcode.READ, 0, 1)), (Opcode.RESET, b""),
                           (Opcode.VERIFY, block(Opcode.VERIFY, 0, 1)), (Opcode.LOAD_MODEL, b""),
                           (Opcode.WRITE, block(Opcode.WRITE, 0, 1) + bytes(size)),
                           (Opcode.RUN, block(Opcode.RUN, 2, 1, 0, 0, 0))):
        assert await tb.raw(opcode, octets) == (Status.BUSY, b"")
    assert not tb.memory.words and not tb.machine.pulses and await running(tb)


@cocotb.test
async def a_response_is_never_answered(dut):
    await start(dut)
    tb = TB(dut)
    for length in (0, 20):
        tb.headers.send({"length": length, "sequence": 1, "kind": RESPONSE})
        tb.bytes.send(*bytes(length))
    await tb.answers.quiet(100)
    await tb.ask(Opcode.RESET)
    assert tb.machine.pulses == ["reset_state"]


async def march(tb, number, address=0, words=0, background=0):
    """(running, element, words left, wrong reads, address of the first, its difference)"""
    payload = await tb.ask(Opcode.MARCH, number, background, address, words)
    size, word = link.MARCH_REPLY.size, tb.config.word_bytes
    left, running, element, _, last, wrong, _, first = link.MARCH_REPLY.unpack_from(payload)
    assert len(payload) == size + 2 * word and last in (number, tb.marched)
    return running, element, left, wrong, first, int.from_bytes(payload[size:size + word], "little")


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5])
async def a_march_runs_by_itself_and_repeats_start_nothing(dut, idle):
    await start(dut)
    tb = TB(dut, idle)
    tb.marched, begun = 0, 0
    assert (await march(tb, 0))[0] == 0 and not tb.memory.words
    words = 40
    running, seen = 1, []
    while running:
        running, element, left, *_ = await march(tb, 7, 3, words)
        seen.append((element + 1) * words - left)
        begun += 1
        if begun == 1:
            assert link.parse_identity(await tb.ask(Opcode.IDENTIFY))["busy"]
    assert begun > 3 and seen == sorted(seen) and seen[-1] == 6 * words
    assert set(tb.memory.words) == set(range(3, 3 + words))
    assert tb.machine.pulses == ["load_model"]
    before = dict(tb.memory.words)
    tb.marched = 7
    for number in (7, 7, 0):
        assert (await march(tb, number, 900, 5))[0] == 0
    assert tb.memory.words == before


@cocotb.test
async def a_march_keeps_others_out_and_can_be_stopped(dut):
    await start(dut)
    tb = TB(dut)
    tb.marched, most = 0, tb.config.memory_words
    for address, words in ((most, 1), (1, most), (0xFFFF_FFFF, 1), (0, 0xFFFF_FFFF)):
        arguments = ARGUMENTS[Opcode.MARCH].pack(1, 0, address, words)
        assert (await tb.raw(Opcode.MARCH, arguments))[0] == Status.BAD_ADDRESS
    assert (await march(tb, 3, 0, most))[0] and dut.active.value
    for opcode in (Opcode.READ, Opcode.WRITE, Opcode.VERIFY, Opcode.LOAD_MODEL, Opcode.RUN,
                   Opcode.RESET, Opcode.MARCH):
        arguments = {Opcode.RUN: (1, 1, 0, 0, 0), Opcode.MARCH: (4, 0, 0, 1)}.get(
            opcode, (0, 1) if ARGUMENTS[opcode].size else ())
        octets = bytes(tb.config.word_bytes) * (opcode == Opcode.WRITE)
        status, _ = await tb.raw(opcode, ARGUMENTS[opcode].pack(*arguments) + octets)
        assert status == Status.BUSY, opcode.name
    assert (await march(tb, 3))[0]
    await march(tb, 5)
    while (await march(tb, 5))[0]:
        pass
    await ClockCycles(dut.clk, 10)
    assert not dut.active.value and tb.machine.pulses == ["load_model"]
    await tb.ask(Opcode.RESET)


@cocotb.test
async def a_fault_of_the_memory_is_reported(dut):
    await start(dut)
    tb = TB(dut)
    tb.marched, address, bit = 0, 77, tb.config.word_bits - 3
    store = tb.memory.write
    tb.memory.write = lambda at, word: store(at, word | (at == address) << bit)
    while (answer := await march(tb, 1, 70, 20))[0]:
        pass
    assert answer[4:] == (address, 1 << bit) and answer[3] in (2, 3)


@cocotb.test
async def signatures_are_told_in_order_if_there_are_any(dut):
    await start(dut)
    tb = TB(dut)
    values = [tb.random.getrandbits(32) for _ in STREAMS]
    tb.machine.port("signatures").value = sum(v << 32 * n for n, v in enumerate(values))
    expected = b"".join(v.to_bytes(4, "little") for v in values) * tb.config.signatures
    assert await tb.ask(Opcode.SIGNATURES, 0) == expected
    assert tb.machine.pulses == []
    assert await tb.ask(Opcode.SIGNATURES, link.CLEAR) == expected
    assert tb.machine.pulses == ["clear_signatures"]
    identity = link.parse_identity(await tb.ask(Opcode.IDENTIFY))
    assert identity["signatures"] == (len(STREAMS) if tb.config.signatures else 0)
