"""The PCIe transport against the endpoint's twin: rings, blocks of memory, every kind of error."""

import random
import time
import zlib
from pathlib import Path

import pytest
from conftest import CONFIG, TAPE
from stand_in import expected
from twins import ARENA_AT, GoldenMachine, SimulatedPcie, pcie_board

from tritone.common import link
from tritone.common.config import TINY
from tritone.common.link import Opcode
from tritone.common.pcie import (MAX_BYTES, MAX_FRAME, OFFSET, STATUS_BUSY, UP, DOWN, VERSION,
                                 Outcome)
from tritone.compiler.tape import compile_model
from tritone.host.driver import BoardError, SilentBoard
from tritone.host.pcie import RECOVERIES
from tritone.host.pcie_faults import RETRIED, PcieFault
from tritone.host.transport import PortError
from tritone.model.golden import Golden
from tritone.model.integers import integer_model

MODELS = Path(__file__).parents[2] / "models"
WORD = CONFIG.word_bytes
PROMPT = [3, 1, 4, 1, 5]
BUS_FAULTS = sorted(outcome for outcome in RETRIED if outcome is not None)
MISTAKES = sorted(set(Outcome) - RETRIED - {Outcome.PENDING, Outcome.DONE})
IDENTIFY = link.encode_frame(7, Opcode.IDENTIFY)


@pytest.fixture
def simulated():
    with SimulatedPcie(CONFIG) as made:
        yield made
        assert made.check_guards()


def register(simulated, name):
    return simulated.twin.read32(OFFSET[name])


def answers(transport, count, seconds=1.0):
    """Sequence numbers of the next `count` frames."""
    decoder, numbers, end = link.FrameDecoder(), [], time.monotonic() + seconds
    while len(numbers) < count and time.monotonic() < end:
        numbers += [number for number, _, _ in decoder.feed(transport.read(0.01))]
    return numbers


# The whole way -------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0, 4096])
def test_a_tape_goes_by_dma_and_its_tokens_are_the_golden_models(temperature):
    folder = MODELS / "stories-200k"
    tape, prompt = compile_model(folder, TINY), [5, 200, 31]
    with pcie_board(TINY, GoldenMachine(folder, tape.image, TINY)) as (simulated, board):
        assert board.load(tape.image) > len(tape.image) // 2
        moved = register(simulated, "READ_BYTES")
        assert board.load(tape.image) == 0
        assert register(simulated, "READ_BYTES") - moved < len(tape.image) // 100
        tokens = list(board.run(prompt, 24, temperature, seed=9))
        identity = board.identify()
    golden = Golden(integer_model(folder, TINY.formats))
    assert tokens == list(golden.generate(prompt, 24, temperature=temperature, seed=9))
    assert identity["vocabulary"] == tape.vocabulary


def test_a_tape_that_does_not_arrive_is_found():
    class Forgetful(bytearray):
        def __setitem__(self, place, octets):
            super().__setitem__(place, bytes([octets[0] ^ 1]) + octets[1:])

    with pcie_board(CONFIG) as (simulated, board):
        simulated.board.memory = Forgetful(simulated.board.memory)
        with pytest.raises(BoardError, match="pcie:twin: memory does not keep .* word 0 on"):
            board.load(TAPE)


# Memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, WORD - 1, WORD, WORD + 1, 4096, 65_537, 200_001])
@pytest.mark.parametrize("piece", [4096, MAX_BYTES])
def test_blocks_of_any_length_leave_their_neighbours_alone(simulated, size, piece):
    octets = random.Random(size).randbytes(size)
    words, address = -(-size // WORD), 1000
    simulated.board.memory[:] = b"\xa5" * len(simulated.board.memory)
    transport = simulated.transport(piece=piece)
    transport.store(address, octets, WORD)
    filled = octets + bytes(-size % WORD)
    memory = simulated.board.memory
    assert memory[address * WORD:][:len(filled)] == filled
    assert set(memory[:address * WORD]) == set(memory[(address + words) * WORD:]) == {0xA5}
    assert transport.load(address, words, WORD) == filled
    transport.write(IDENTIFY)
    assert answers(transport, 1) == [7]
    transport.close()


def test_pieces_are_whole_words_in_bounded_buffers(simulated):
    sizes = []
    store = simulated.twin._store
    simulated.twin._store = lambda *entry: sizes.append(entry[1]) or store(*entry)
    transport = simulated.transport(piece=4096)
    transport.store(0, bytes(24_000), 24)  # 170 words of 24 bytes fill 4,080 of 4,096
    assert sizes == [4080] * 5 + [3600]
    transport.close()


def test_frames_that_came_before_a_load_are_kept(simulated):
    transport = simulated.transport()
    transport.write(IDENTIFY)
    transport.load(0, 10, WORD)
    assert answers(transport, 1) == [7]
    transport.close()


def test_memory_of_a_run_is_refused(simulated):
    transport = simulated.transport()
    simulated.board.running = True
    for action in (lambda: transport.store(0, b"abc", WORD), lambda: transport.load(0, 1, WORD)):
        with pytest.raises(PcieFault, match="BUSY, its memory belongs to a run") as caught:
            action()
        assert caught.value.outcome == Outcome.BUSY
    simulated.board.running = False
    transport.store(0, b"abc", WORD)
    assert transport.load(0, 1, WORD) == b"abc" + bytes(WORD - 3)
    transport.close()


def test_words_outside_the_memory_are_refused(simulated):
    transport = simulated.transport()
    transport.store(CONFIG.memory_words - 1, bytes(WORD), WORD)
    with pytest.raises(PcieFault, match="down ring: BAD_WORDS, words outside the board's memory"):
        transport.store(CONFIG.memory_words - 1, bytes(WORD + 1), WORD)
    with pytest.raises(PcieFault, match="entry 0 of the down ring: BAD_WORDS"):
        transport.load(CONFIG.memory_words, 1, WORD)
    transport.close()


# Frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [1, 2, 16, 128])
def test_rings_wrap_around(simulated, entries):
    transport = simulated.transport(entries=entries)
    for number in range(3 * entries + 1):
        transport.write(link.encode_frame(number % 256, Opcode.IDENTIFY))
        assert answers(transport, 1) == [number % 256]
    transport.close()


def test_counts_of_entries_wrap_around(simulated):
    reset, most = simulated.twin._reset, 1 << 16

    def late():
        """A reset after which both rings go on from counts that are about to wrap."""
        reset()
        for ring in ("DOWN", "UP"):
            simulated.twin._registers.update({f"{ring}_HEAD": most - 9, f"{ring}_TAIL": most - 9})

    simulated.twin._reset = late
    transport = simulated.transport(entries=8)
    for number in range(40):
        transport.write(link.encode_frame(number, Opcode.IDENTIFY))
        assert answers(transport, 1) == [number]
    assert register(simulated, "DOWN_HEAD") == register(simulated, "UP_HEAD") == 31
    assert register(simulated, "UP_TAIL") == 39
    transport.close()


@pytest.mark.parametrize("threaded", [False, True])
def test_frames_go_back_to_back(threaded):
    with SimulatedPcie(CONFIG, threaded=threaded) as simulated:
        transport = simulated.transport(entries=4)
        frames = [link.encode_frame(n, Opcode.IDENTIFY) for n in range(100)]
        for frame in frames[:50]:
            transport.write(frame)
        transport.write(b"".join(frames[50:]))  # cut into buffers wherever it falls
        assert answers(transport, 100, 5) == list(range(100))
        transport.close()


def test_a_frame_may_be_sent_in_pieces(simulated):
    transport = simulated.transport()
    for octet in IDENTIFY:
        transport.write(bytes([octet]))
    assert answers(transport, 1) == [7]
    transport.close()


def test_the_longest_frame_fits(simulated):
    words = link.MAX_DATA // WORD
    frame = link.encode_frame(1, Opcode.WRITE, link.ARGUMENTS[Opcode.WRITE].pack(0, words)
                              + bytes(words * WORD))
    transport = simulated.transport()
    transport.write(frame)
    transport.write(link.encode_frame(2, Opcode.READ, link.ARGUMENTS[Opcode.READ].pack(0, words)))
    assert answers(transport, 2) == [1, 2]
    assert len(transport._incoming.view) == transport._up.entries * 1024 >= MAX_FRAME
    transport.close()


def test_reading_returns_in_time_when_nothing_comes(simulated):
    transport = simulated.transport()
    for seconds in (0, 0.05, 0.2):
        begun = time.monotonic()
        assert transport.read(seconds) == b""
        assert seconds <= time.monotonic() - begun < seconds + 0.1
    transport.close()


# Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ring", [DOWN, UP])
@pytest.mark.parametrize("outcome", BUS_FAULTS)
@pytest.mark.parametrize("lost", [False, True])
def test_after_a_fault_of_the_bus_the_driver_asks_again(ring, outcome, lost):
    with pcie_board(CONFIG) as (simulated, board):
        board.load(TAPE)
        resets = simulated.twin.resets
        simulated.twin.faults[ring, 3] = outcome
        simulated.twin.lost = {outcome} if lost else set()
        assert list(board.run(PROMPT, 40)) == expected(PROMPT, 40)[0]
        assert simulated.twin.resets == resets + 1 and not simulated.twin.faults
        assert simulated.check_guards()


@pytest.mark.parametrize("ring", [DOWN, UP])
@pytest.mark.parametrize("outcome", MISTAKES)
def test_a_mistake_of_the_host_is_an_error_at_once(ring, outcome):
    with pcie_board(CONFIG) as (simulated, board):
        simulated.twin.faults[ring, 0] = outcome
        where = ("down", "up")[ring]
        with pytest.raises(PcieFault, match=f"^pcie:twin: the board stopped at entry 0 of the "
                                            f"{where} ring: {outcome.name}, [^\n]*$"):
            board.identify()
        assert board.identify()["config"] == CONFIG  # it works on


@pytest.mark.parametrize("outcome", BUS_FAULTS)
def test_a_block_is_sent_again_after_a_fault_of_the_bus(simulated, outcome):
    octets = random.Random(1).randbytes(50_000)
    transport = simulated.transport(piece=4096)
    simulated.twin.faults.update({(DOWN, 3): outcome, (DOWN, 9): outcome})
    transport.store(0, octets, WORD)
    assert simulated.board.memory[:len(octets)] == octets
    assert not simulated.twin.faults
    simulated.twin.faults[DOWN, 2] = outcome
    assert transport.load(0, len(octets) // WORD, WORD) == octets
    assert not simulated.twin.faults
    transport.close()


def test_a_bus_that_fails_again_and_again_is_named(simulated):
    transport = simulated.transport()
    for number in range(RECOVERIES + 1):
        simulated.twin.faults[DOWN, number] = Outcome.POISONED
    with pytest.raises(PcieFault, match=r"POISONED, .* itself \(4 times in a row\)$"):
        transport.store(0, b"abc", WORD)
    transport.close()


def test_an_unknown_error_is_named(simulated):
    transport = simulated.transport()
    simulated.twin.faults[DOWN, 0] = 99
    with pytest.raises(PcieFault, match="down ring: error 99, a code that this program does not"):
        transport.store(0, b"abc", WORD)
    transport.close()


def test_bus_mastering_that_goes_off_is_turned_on_again():
    with pcie_board(CONFIG) as (simulated, board):
        board.load(TAPE)
        run = board.run(PROMPT, 40)
        got = [next(run) for _ in range(10)]
        simulated.twin.lose_master()
        assert got + list(run) == expected(PROMPT, 40)[0]
        simulated.enable = lambda master: None
        simulated.twin.lose_master()
        with pytest.raises(PortError, match="^pcie:twin: bus mastering does not stay on; [^\n]*$"):
            board.identify()


def test_a_reset_of_the_device_under_way_is_survived():
    with pcie_board(CONFIG) as (simulated, board):
        board.load(TAPE)
        run = board.run(PROMPT, 40)
        got = [next(run) for _ in range(10)]
        simulated.twin.surprise()
        assert got + list(run) == expected(PROMPT, 40)[0]


def test_a_reset_of_the_device_in_a_block_is_survived(simulated):
    store, count = simulated.twin._store, iter(range(100))

    def fail(*entry):
        moved = store(*entry)
        if next(count) == 5:
            simulated.twin.surprise()
        return moved

    simulated.twin._store = fail
    octets = random.Random(2).randbytes(50_000)
    transport = simulated.transport(piece=4096)
    transport.store(0, octets, WORD)
    assert simulated.board.memory[:len(octets)] == octets
    transport.close()


# Boards that do not answer -------------------------------------------------------------------


def test_a_silent_board_is_silent_and_a_full_ring_an_error(silent_pcie):
    silent_pcie._patience = 0.1
    begun = time.monotonic()
    for _ in range(16):
        silent_pcie.write(IDENTIFY)
    assert silent_pcie.read(0.05) == b""
    with pytest.raises(PortError, match="^pcie:twin: entry 0 of the down ring is not done after "
                                        "0.1 s; [^\n]*$"):
        silent_pcie.write(IDENTIFY)
    assert time.monotonic() - begun < 2
    silent_pcie.close()


@pytest.mark.parametrize("action", [lambda t: t.store(0, bytes(100_000), WORD),
                                    lambda t: t.load(0, 100, WORD)])
def test_a_block_that_does_not_move_is_an_error(silent_pcie, action):
    silent_pcie._patience = 0.1
    with pytest.raises(PortError, match="entry 0 of the (down|up) ring is not done after 0.1 s"):
        action(silent_pcie)
    silent_pcie.close()


@pytest.mark.parametrize("action", [
    lambda t: t.read(5), lambda t: t.store(0, bytes(9), WORD), lambda t: t.load(0, 9, WORD),
    lambda t: [t.write(IDENTIFY) for _ in range(17)]])
def test_a_board_that_is_gone_is_an_error_at_once(simulated, action):
    transport = simulated.transport()
    simulated.twin.gone = True
    begun = time.monotonic()
    with pytest.raises(PortError, match="^pcie:twin: the device does not answer: [^\n]*$"):
        action(transport)
    assert time.monotonic() - begun < 1
    transport.close()


def test_an_engine_that_does_not_rest_is_an_error(simulated):
    simulated.twin._status = lambda: STATUS_BUSY
    with pytest.raises(PortError, match="its engine does not come to rest within 0.1 s of a reset"):
        simulated.transport(patience=0.1)
    assert simulated.closed == 1


@pytest.mark.parametrize("name, value, message", [
    ("MAGIC", 0x1234, "BAR 0 begins with 0x00001234, not 0x54495254: its gateware is not"),
    ("VERSION", VERSION + 1, f"registers are of version {VERSION + 1}, this program knows 1")])
def test_another_device_is_an_error(simulated, name, value, message):
    simulated.twin._registers[name] = value
    with pytest.raises(PortError, match=f"^pcie:twin: [^\n]*{message}"):
        simulated.transport()
    assert simulated.closed == 1


def test_too_little_memory_is_an_error():
    with SimulatedPcie(CONFIG, arena=16_384) as simulated:
        with pytest.raises(BoardError, match="bytes of DMA memory are wanted at a multiple of"):
            simulated.transport()
        assert simulated.closed == 1


# What the board is told ----------------------------------------------------------------------


def test_a_killed_programs_rings_are_dropped_before_bus_mastering(simulated):
    killed = simulated.transport()
    killed.write(IDENTIFY[:5])
    simulated.twin.master = False
    order = []
    write, enable = simulated.twin.write32, simulated.twin.enable
    simulated.twin.write32 = lambda at, v: order.append((at, v)) or write(at, v)
    simulated.twin.enable = lambda master: order.append(("master", master)) or enable(master)
    simulated.transport().close()
    assert order.index((OFFSET["CONTROL"], 1)) < order.index(("master", True))


def test_only_buffers_lie_in_the_window(simulated):
    transport = simulated.transport()
    low, top = (register(simulated, f"WINDOW_{end}") | register(simulated, f"WINDOW_{end}_HIGH")
                << 32 for end in ("LOW", "TOP"))
    rings = [register(simulated, f"{ring}_BASE_LOW") | register(simulated, f"{ring}_BASE_HIGH")
             << 32 for ring in ("DOWN", "UP")]
    assert ARENA_AT <= min(rings) and max(rings) + 16 * 32 <= low < top < ARENA_AT + (1 << 20)
    assert not simulated.twin.read32(OFFSET["EVENT_MASK"])
    transport.close()


def test_a_closed_transport_leaves_an_engine_at_rest(simulated):
    transport = simulated.transport()
    transport.close()
    transport.close()
    assert simulated.closed == 1
    simulated.twin.memory_space = True
    assert register(simulated, "CONTROL") == 0


def test_the_next_program_finds_a_board_as_new(simulated):
    for number in range(3):
        transport = simulated.transport()
        transport.write(link.encode_frame(number, Opcode.IDENTIFY))
        assert answers(transport, 1) == [number]
        transport.write(IDENTIFY[:9])  # left unfinished
        time.sleep(0.01)
        transport.close()


def test_a_board_whose_engine_stands_still_is_silent_to_the_driver():
    with pcie_board(CONFIG) as (simulated, board):
        simulated.twin.silent = True
        board._timeout = 0.05
        with pytest.raises(SilentBoard, match="pcie:twin: no answer to IDENTIFY after 5 attempts"):
            board.identify()
        simulated.twin.silent = False
        assert board.identify()["config"] == CONFIG
        assert board.verify(0, 10) == zlib.crc32(bytes(10 * WORD))


def test_a_block_in_slow_pieces_arrives_whole():
    """The board takes one step now and then: pieces wait in both buffers."""
    with SimulatedPcie(CONFIG, threaded=True) as simulated:
        step = simulated.twin.step
        simulated.twin.step = lambda: time.sleep(2e-3) or step()
        octets = random.Random(3).randbytes(100_000)
        transport = simulated.transport(piece=4096)
        transport.store(0, octets, WORD)
        assert simulated.board.memory[:len(octets)] == octets
        transport.close()
