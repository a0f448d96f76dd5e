"""A simulated board with the real link and a stand-in accelerator, for all tests of the host."""

import os
from dataclasses import replace

import pytest
from stand_in import StandInTop

from tritone.common.config import TINY
from tritone.common.tape import MAGIC
from tritone.host.driver import Board
from tritone.host.transport import SerialTransport
from tritone.sim.virtual import VirtualBoard

CONFIG = replace(TINY, clock_hz=12_000_000, baud=3_000_000, token_fifo=64)  # 4 clocks a bit
WAITS = {"gap_clocks": 2000, "poll_clocks": 20_000}
TAPE = MAGIC.to_bytes(CONFIG.word_bytes, "little") + bytes(range(256)) * 150


def start():
    """A new board that has no model."""
    return VirtualBoard(CONFIG, component=StandInTop(CONFIG, **WAITS))


@pytest.fixture(scope="session")
def port():
    """Port of a board with TAPE."""
    with start() as virtual:
        with Board.open(virtual.port, timeout=5) as board:
            board.load(TAPE)
        yield virtual.port


@pytest.fixture
def board(port):
    with Board.open(port, timeout=5) as board:
        yield board


@pytest.fixture
def raw(port):
    """A transport to the same board."""
    transport = SerialTransport(port)
    yield transport
    transport.close()


@pytest.fixture
def silent_port():
    """A port at whose other end nothing happens."""
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)
