"""The PCIe transport against the endpoint's twin: memory, frames, what the board is told."""

import random
import time
from pathlib import Path

import pytest
from conftest import CONFIG, TAPE
from twins import ARENA_AT, GoldenMachine, SimulatedPcie, answers, pcie_board

from tritone.common import link
from tritone.common.config import TINY
from tritone.common.link import Opcode
from tritone.common.pcie import MAX_BYTES, MAX_FRAME, OFFSET, Outcome
from tritone.compiler.tape import compile_model
from tritone.host.driver import BoardError
from tritone.host.pcie_faults import PcieFault
from tritone.model.golden import Golden
from tritone.model.integers import integer_model

MODELS = Path(__file__).parents[2] / "models"
WORD = CONFIG.word_bytes
IDENTIFY = link.encode_frame(7, Opcode.IDENTIFY)


def register(simulated, name):
    return simulated.twin.read32(OFFSET[name])


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
