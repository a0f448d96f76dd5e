"""The simulated board behind a socket; a process with the endpoint's twin is the simulator."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import CONFIG, TAPE
from stand_in import expected
from test_text import byte_level

from tritone.common import pcie_socket
from tritone.common.pcie import MAGIC, OFFSET
from tritone.common.pcie_socket import REPLY, REQUEST, Answer, Ask
from tritone.host import generate, pcie_sim
from tritone.host.driver import Board, BoardError
from tritone.host.pcie_sim import PcieSim, SimulationError, open_pcie_sim
from tritone.sim.pcie_server import HostGone, PcieServer

MODELS = Path(__file__).parents[2] / "models"
PROGRAM = Path(__file__).parent / "pcie_process.py"
PREDICTION = SimpleNamespace(token=64, prompt=8)


def command(mode="good", *arguments):
    return [sys.executable, str(PROGRAM), mode, *map(str, arguments)]


@pytest.fixture(autouse=True)
def path_of_helpers(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))


def alive(pid):
    """Whether a process is still there (a dead child that was not waited for counts)."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def gone_within(pid, seconds):
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


# Both ends -----------------------------------------------------------------------------------


def test_a_board_is_loaded_and_run_over_the_socket():
    transport = open_pcie_sim("tiny", command())
    pid = transport._window.pid
    with Board(transport, timeout=5) as board:
        assert board.identify()["config"] == CONFIG
        assert board.load(TAPE) == len(TAPE) and board.load(TAPE) == 0
        assert list(board.run([3, 1, 4], 200)) == expected([3, 1, 4], 200)[0]
    assert gone_within(pid, 0.1)  # it was waited for
    transport.close()


def test_golden_and_pcie_sim_print_the_same_tokens(monkeypatch, capsys):
    folder, results = str(MODELS / "stories-200k"), {}
    process = command("good", "tiny", folder)
    monkeypatch.setattr(pcie_sim, "open_pcie_sim", partial(open_pcie_sim, command=process))
    for board in ("golden", "pcie-sim"):
        assert generate.main(["--board", board, "--preset", "tiny", "--model", folder, "--tokens",
                              "16", "--temperature", "0.7", "--seed", "5", "--json"]) == 0
        results[board] = json.loads(capsys.readouterr().out)
    assert results["pcie-sim"]["tokens"] == results["golden"]["tokens"]
    assert results["pcie-sim"]["text"] == results["golden"]["text"]
    assert results["pcie-sim"]["provenance"] == "simulated"
    assert results["pcie-sim"]["preset"] == "tiny"


def test_a_simulation_that_does_not_start_says_why():
    with pytest.raises(SimulationError, match="^pcie-sim: g\\+\\+ is missing; install it$"):
        open_pcie_sim("tiny", command("no-start"))


def test_a_simulation_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(pcie_sim, "END_S", 0.3)
    with pytest.raises(SimulationError, match="does not know HELLO of version 1"):
        open_pcie_sim("tiny", command("old"))


def test_a_program_that_is_missing_is_named():
    with pytest.raises(SimulationError, match="^pcie-sim: the simulation ended with status 2$"):
        PcieSim([sys.executable, "/nowhere.py"]).close()


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(pcie_sim, "find_spec", lambda name: None)
    with pytest.raises(SimulationError, match="needs the Python package cocotb and cocotbext.pcie: "
                                              "pip install"):
        open_pcie_sim("tiny")


@pytest.mark.parametrize("memory", ["sdram", "ulx3s-85f", "nonsense"])
def test_a_memory_that_is_not_behind_pcie_is_refused(memory, capsys):
    assert generate.main(["--board", "pcie-sim", "--memory", memory, "--model",
                          str(MODELS / "stories-200k")]) == 1
    assert capsys.readouterr().err == (f"error: --memory {memory}: a simulated board behind PCIe "
                                       "has plain or that of kcu116\n")


def test_a_simulation_that_never_answers_is_ended(monkeypatch):
    monkeypatch.setattr(pcie_sim, "END_S", 0.3)
    begun = time.monotonic()
    with pytest.raises(SimulationError, match="^pcie-sim: the simulation has not answered for "
                                              "2 s$"):
        PcieSim(command("refuse"), start=2)
    assert time.monotonic() - begun < 6


def test_a_simulation_that_falls_silent_is_ended(monkeypatch):
    monkeypatch.setattr(pcie_sim, "END_S", 0.3)
    transport = open_pcie_sim("tiny", command("fall-silent"))
    transport._patience = 1
    pid, transport._window._reply_seconds = transport._window.pid, 0.3
    with pytest.raises(SimulationError, match="has not answered for 0.3 s"):
        with Board(transport, timeout=5) as board:
            while True:
                board.identify()
    assert gone_within(pid, 0.1)


def test_a_simulation_that_dies_says_its_last_line():
    transport = open_pcie_sim("tiny", command("die"))
    with Board(transport, timeout=5) as board:
        with pytest.raises(BoardError, match="^pcie-sim: the block's model met packet 17$"):
            while True:
                board.identify()


def test_a_simulation_that_is_killed_is_noticed_while_waiting():
    transport = open_pcie_sim("tiny", command())
    transport._watch = 0.05
    os.kill(transport._window.pid, signal.SIGKILL)
    begun = time.monotonic()
    with pytest.raises(SimulationError, match="^pcie-sim: the simulation ended with signal 9$"):
        transport.read(30)
    assert time.monotonic() - begun < 5
    transport.close()


def test_a_stubborn_simulation_is_killed(monkeypatch):
    monkeypatch.setattr(pcie_sim, "END_S", 0.3)
    transport = open_pcie_sim("tiny", command("stubborn"))
    transport.close()
    assert gone_within(transport._window.pid, 0.1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_simulation_ends_with_its_program(tmp_path, how):
    byte_level().save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tape").write_bytes(TAPE)
    program = f"""
import functools, pathlib, signal, sys
from types import SimpleNamespace
from tritone.host import generate, pcie_sim
signal.signal(signal.SIGINT, signal.default_int_handler)
image = pathlib.Path({str(tmp_path / "tape")!r}).read_bytes()
tape = SimpleNamespace(image=image, vocabulary=1 << 24)
generate.compile_tape = lambda *_: (tape, SimpleNamespace(token=1, prompt=1))
real = pcie_sim.open_pcie_sim
def opened(preset, memory):
    transport = real(preset, {command()!r})
    print(transport._window.pid, flush=True)
    return transport
pcie_sim.open_pcie_sim = opened
sys.exit(generate.main(["--board", "pcie-sim", "--preset", "tiny", "--model", {str(tmp_path)!r},
                        "--tokens", "10000000", "--prompt", "fox"]))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    simulator = int(process.stdout.readline())
    assert process.stdout.read(3) == b"fox"  # the run begins
    time.sleep(0.3)
    os.killpg(process.pid, how)  # as a terminal does: to the whole group
    _, error = process.communicate(timeout=20)
    if how == signal.SIGINT:
        assert process.returncode == generate.INTERRUPTED
        assert error.decode().splitlines() == ["interrupted"]
    assert gone_within(simulator, 5)


# Each end alone ------------------------------------------------------------------------------


@pytest.fixture
def ends():
    """A server and the socket of a program."""
    ours, theirs = socket.socketpair()
    ours.settimeout(1)
    with ours, theirs:
        yield PcieServer(theirs, 0x5000), ours


class Registers:
    """A device of scratch registers."""

    def __init__(self):
        self.values, self.master = {0: MAGIC}, None

    async def read32(self, offset):
        return self.values.get(offset, 0)

    async def write32(self, offset, value):
        self.values[offset] = value

    async def enable(self, master):
        self.master = master


def run(coroutine):
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def exchange(ends, *request):
    """(number, answer, value) and whether the server goes on."""
    server, ours = ends
    device = exchange.device
    ours.sendall(REQUEST.pack(*request))
    more = run(server.answer(server.poll(), device))
    return REPLY.unpack(ours.recv(100)), more


def test_the_server_answers_as_documented(ends):
    exchange.device = device = Registers()
    assert exchange(ends, 7, Ask.HELLO, 0, pcie_socket.VERSION) == ((7, Answer.OK, 0x5000), True)
    assert exchange(ends, 8, Ask.READ, 0, 0) == ((8, Answer.OK, MAGIC), True)
    assert exchange(ends, 9, Ask.WRITE, OFFSET["SCRATCH"], 0xFFFF_FFFF)[0] == (9, Answer.OK, 0)
    assert device.values[OFFSET["SCRATCH"]] == 0xFFFF_FFFF
    assert exchange(ends, 10, Ask.ENABLE, 0, 1)[1] and device.master is True
    assert exchange(ends, 11, Ask.END, 0, 0) == ((11, Answer.OK, 0), False)
    for wrong in ((Ask.HELLO, 0, pcie_socket.VERSION + 1), (Ask.READ, 2, 0), (Ask.READ, 4096, 0),
                  (Ask.WRITE, 6, 0), (99, 0, 0)):
        assert exchange(ends, 12, *wrong) == ((12, Answer.UNKNOWN, 0), True)


def test_a_request_may_come_in_pieces(ends):
    server, ours = ends
    octets = REQUEST.pack(1, Ask.READ, 4, 0)
    for octet in octets[:-1]:
        ours.sendall(bytes([octet]))
        assert server.poll() is None
    ours.sendall(octets[-1:])
    assert server.poll() == (1, Ask.READ, 4, 0) and server.poll() is None


def test_a_program_that_is_gone_is_noticed(ends):
    server, ours = ends
    ours.close()
    with pytest.raises(HostGone):
        server.poll()
    with pytest.raises(HostGone):
        run(server.answer((1, Ask.READ, 0, 0), Registers()))


def test_the_answer_to_an_interrupted_request_is_dropped():
    simulation = PcieSim(command())
    receive = simulation._receive

    def interrupted(deadline):
        time.sleep(0.2)  # the answer is there
        simulation._octets += simulation._socket.recv(5)
        raise KeyboardInterrupt

    simulation._receive = interrupted
    with pytest.raises(KeyboardInterrupt):
        simulation.write32(OFFSET["SCRATCH"], 5)
    simulation._receive = receive
    simulation.enable(False)
    assert simulation.read32(0) == MAGIC
    simulation.write32(OFFSET["SCRATCH"], 6)
    assert simulation.read32(OFFSET["SCRATCH"]) == 6
    simulation.close()


def test_memory_is_the_same_on_both_sides():
    transport = open_pcie_sim("tiny", command())
    octets = os.urandom(300_000)
    transport.store(5, octets, 8)
    assert transport.load(5, len(octets) // 8, 8) == octets
    transport.close()


def test_sizes_of_the_messages():
    assert struct.calcsize("<IIII") == REQUEST.size == REPLY.size == 16
