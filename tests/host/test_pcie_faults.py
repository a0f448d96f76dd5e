"""The PCIe transport against the endpoint's twin: faults of the bus, the device, the host."""

import random
import time
import zlib

import pytest
from conftest import CONFIG, TAPE
from stand_in import expected
from twins import SimulatedPcie, pcie_board

from tritone.common import link
from tritone.common.link import Opcode
from tritone.common.pcie import DOWN, STATUS_BUSY, UP, VERSION, Outcome
from tritone.host.driver import BoardError, SilentBoard
from tritone.host.pcie import RECOVERIES
from tritone.host.pcie_faults import RETRIED, PcieFault
from tritone.host.transport import PortError

WORD = CONFIG.word_bytes
PROMPT = [3, 1, 4, 1, 5]
BUS_FAULTS = sorted(outcome for outcome in RETRIED if outcome is not None)
MISTAKES = sorted(set(Outcome) - RETRIED - {Outcome.PENDING, Outcome.DONE})
IDENTIFY = link.encode_frame(7, Opcode.IDENTIFY)


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


def test_a_board_whose_engine_stands_still_is_silent_to_the_driver():
    with pcie_board(CONFIG) as (simulated, board):
        simulated.twin.silent = True
        board._timeout = 0.05
        with pytest.raises(SilentBoard, match="pcie:twin: no answer to IDENTIFY after 5 attempts"):
            board.identify()
        simulated.twin.silent = False
        assert board.identify()["config"] == CONFIG
        assert board.verify(0, 10) == zlib.crc32(bytes(10 * WORD))
