"""Boards with a stand-in accelerator at the end of each transport, for all tests of the host."""

import contextlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
from fake_board import PREDICTION
from stand_in import StandInTop
from test_text import byte_level
from twins import CONFIG, TAPE, WAITS, SimulatedPcie, StandInGolden

from tritone.common.config import preset
from tritone.host import golden, measure, transport
from tritone.host.driver import Board
from tritone.host.pcie import PcieTransport
from tritone.host.pcie_memory import Arena
from tritone.host.pcie_sim import PcieSim
from tritone.host.transport import SerialTransport
from tritone.sim.virtual import VirtualBoard

PROGRAM = Path(__file__).parent / "endpoint_process.py"


def start():
    """A new virtual board that has no model."""
    return VirtualBoard(CONFIG, component=StandInTop(CONFIG, **WAITS))


class Uart:
    """The gateware of the link at a serial port.

    A place has open(**options), a new Board at it, as a new program would have; transport();
    vanish(), after which nothing is there; prompt_tokens(n), those counted of a prompt of n.
    """

    def __init__(self):
        self._virtual = start()
        self.port = self._virtual.port

    def transport(self):
        return SerialTransport(self.port)

    def open(self, **options):
        return Board(self.transport(), **{"timeout": 5} | options)

    def prompt_tokens(self, count):
        return count

    def vanish(self):
        self._virtual.close()

    close = vanish


class Pcie:
    """The twin of the PCIe endpoint, working beside the program as a device does."""

    def __init__(self):
        self.simulated = SimulatedPcie(CONFIG, threaded=True)

    def transport(self):
        return self.simulated.transport()

    open, prompt_tokens = Uart.open, Uart.prompt_tokens

    def vanish(self):
        self.simulated.twin.gone = True

    def close(self):
        self.simulated.stop()
        assert self.simulated.check_guards()


class Endpoint:
    """The gateware of the PCIe endpoint and of the link, behind the model of the block."""

    def __init__(self):
        with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path))):
            self._sim = PcieSim([sys.executable, str(PROGRAM)])
        self._memory = self._sim.memory
        self.read32, self.write32, self.enable = (
            self._sim.read32, self._sim.write32, self._sim.enable)

    def transport(self):
        memory = Arena(self._memory.view[:], self._memory.address)
        window = SimpleNamespace(read32=self.read32, write32=self.write32, enable=self.enable,
                                 close=lambda: None)
        return PcieTransport(window, memory, name="endpoint", piece=1 << 14, patience=60, watch=0.5)

    def open(self, **options):
        return Board(self.transport(), **{"timeout": 30, "stall": 120} | options)

    prompt_tokens = Uart.prompt_tokens

    def close(self):
        self._sim.close()


class GoldenPlace:
    """The golden model's board, around the stand-in's recurrence; it has no transport."""

    def open(self, **_):
        with mock.patch.object(golden, "integer_model"), \
                mock.patch.object(golden, "Golden", lambda _: StandInGolden()):
            return contextlib.closing(golden.GoldenBoard("stand-in", CONFIG))

    def prompt_tokens(self, count):
        return count - 1  # the last one is read to sample

    def close(self):
        pass


PLACES = {"uart": Uart, "pcie": Pcie, "endpoint": Endpoint, "golden": GoldenPlace}
BOARDS = "uart", "pcie"


@contextlib.contextmanager
def place(name):
    """A new place without a model."""
    made = PLACES[name]()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def _loaded():
    """name -> its place with TAPE, made when it is first asked for."""
    with contextlib.ExitStack() as stack:
        made = {}

        def get(name):
            if name not in made:
                made[name] = stack.enter_context(place(name))
                with made[name].open() as board:
                    board.load(TAPE)
            return made[name]

        yield get


@pytest.fixture(params=BOARDS)
def there(request, _loaded):
    """A place with TAPE, behind each transport in turn."""
    return _loaded(request.param)


@pytest.fixture(params=(*BOARDS, "endpoint"))
def board(request, _loaded):
    with _loaded(request.param).open() as board:
        yield board


@pytest.fixture(params=PLACES)
def anywhere(request, _loaded):
    """A place with TAPE, the golden model's too."""
    return _loaded(request.param)


@pytest.fixture(params=BOARDS)
def fresh(request):
    """A new place without a model."""
    with place(request.param) as made:
        yield made


@pytest.fixture
def raw(there):
    """A transport to a board with TAPE."""
    transport = there.transport()
    yield transport
    transport.close()


@pytest.fixture
def port(_loaded):
    """Port of a serial board with TAPE."""
    return _loaded("uart").port


@pytest.fixture
def silent_port():
    """A port at whose other end nothing happens."""
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


@pytest.fixture
def silent_pcie():
    """A transport to an endpoint that keeps its registers and works on nothing."""
    with SimulatedPcie(CONFIG) as simulated:
        transport = simulated.transport()
        simulated.twin.silent = True
        yield transport


@pytest.fixture(params=BOARDS)
def silent(request):
    """A transport at whose other end nothing happens."""
    if request.param == "pcie":
        return request.getfixturevalue("silent_pcie")
    return SerialTransport(request.getfixturevalue("silent_port"))


@pytest.fixture
def device(monkeypatch):
    """Takes the pseudo-terminal of the virtual board for the device that it stands for."""
    monkeypatch.setattr(transport, "PSEUDO_TERMINALS", ("/nowhere/",))


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A folder with a tokenizer, whose tape is the stand-in's."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    byte_level().save(str(folder / "tokenizer.json"))
    tape = SimpleNamespace(image=TAPE, vocabulary=1 << 24, model_id=0)
    monkeypatch.setattr(measure, "compile_tape", lambda folder, config: (tape, PREDICTION))
    return str(folder)


@pytest.fixture
def fake(monkeypatch, model, tmp_path):
    """A function that measures a FakeBoard: (exit code, run.json or None)."""
    def go(board, meter=None, *arguments, tokens=10, repeats=3):
        @contextlib.contextmanager
        def open_board(options, config, tape):
            yield board

        monkeypatch.setattr(measure, "open_board", open_board)
        monkeypatch.setattr(measure, "board_config", lambda options: preset("tiny"))
        monkeypatch.setattr(measure, "parse_spec", lambda text: meter)
        out = tmp_path / "out"
        status = measure.main([
            "--board", "/dev/fake", "--model", model, "--prompt", "the fox", "--tokens",
            str(tokens), "--repeats", str(repeats), "--out", str(out), "--idle", "0.3",
            *(["--meter", "fake:meter"] if meter else []), *arguments])
        path = out / "run.json"
        return status, json.loads(path.read_text()) if path.exists() else None

    return go


@pytest.fixture
def simulated():
    """The endpoint's twin, which works while the program waits for it."""
    with SimulatedPcie(CONFIG) as made:
        yield made
        assert made.check_guards()
