"""The virtual board keeps its contract: memory clock by clock, serial port, life and death."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import serial
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out, Signature

from tritone.common.config import TINY
from tritone.rtl.interfaces import MemorySignature
from tritone.rtl.uart import UART
from tritone.sim.memory import MemoryTwin
from tritone.sim.virtual import VirtualBoard, VirtualBoardError

CONFIG = replace(TINY, name="stand-in", memory_words=3000)
TAPE = random.Random(1).randbytes(4 * 2048)
LOG_ROWS = 512
LINGER_CLOCKS = 10_000  # that the board runs on before it sleeps
PROGRAM = [(n * 37 % 2000, 1 + n * 7 % 20) for n in range(32)]
pins = Signature({"rx": In(1, init=1), "tx": Out(1, init=1)})


class StandIn(Component):
    """Top's ports around a program of bursts, whose words it logs, and a memory with an echo.

    After reset it makes the requests of `program`, each a pair (address, words), as fast as they
    are taken. A byte from the line then dumps the log, 4 bytes a row: clock and low half of the
    word. Each further byte b is stored in word 1000 + b, read back, and sent.
    """

    def __init__(self, config, program):
        self.config = config
        self.program = program
        super().__init__({"uart": Out(pins), "memory": Out(MemorySignature(config)),
                          "busy": Out(1)})

    def elaborate(self, _platform):
        m = Module()
        config, memory = self.config, self.memory
        m.submodules.uart = uart = UART(clock_hz=config.clock_hz, baud=config.baud)
        log = Memory(shape=32, depth=LOG_ROWS, init=[])
        program = Memory(shape=config.address_bits + 8, depth=len(self.program) + 1,
                         init=[address | words << config.address_bits
                               for address, words in self.program])
        m.submodules.log, m.submodules.program = log, program
        write = log.write_port()
        read = log.read_port(domain="comb")
        step = program.read_port(domain="comb")
        clock = Signal(16)
        row, sent = Signal(range(4 * LOG_ROWS)), Signal(range(4 * LOG_ROWS))
        running = step.addr != len(self.program)
        echo = Signal(8)
        m.d.sync += clock.eq(clock + 1)
        m.d.comb += [
            self.uart.tx.eq(uart.tx), uart.rx.eq(self.uart.rx),
            memory.words.ready.eq(1),
            memory.requests.valid.eq(running),
            memory.requests.payload.eq(step.data),
            write.addr.eq(row), write.data.eq(Cat(clock, memory.words.payload[:16])),
            read.addr.eq(sent >> 2),
            self.busy.eq(running),
        ]
        with m.If(memory.requests.ready & running):
            m.d.sync += step.addr.eq(step.addr + 1)
        with m.FSM():
            with m.State("LOG"):
                total = sum(words for _, words in self.program)
                m.d.comb += [write.en.eq(memory.words.valid), uart.o.ready.eq(row == total)]
                m.d.sync += row.eq(row + memory.words.valid)
                with m.If(uart.o.valid & uart.o.ready):
                    m.next = "DUMP"
            with m.State("DUMP"):
                m.d.comb += [uart.i.valid.eq(sent != row << 2),
                             uart.i.payload.eq(read.data.word_select(sent[:2], 8))]
                m.d.sync += sent.eq(sent + (uart.i.valid & uart.i.ready))
                with m.If(sent == row << 2):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += uart.o.ready.eq(1)
                m.d.sync += echo.eq(uart.o.payload)
                with m.If(uart.o.valid):
                    m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += [memory.writes.valid.eq(1),
                             memory.writes.payload.address.eq(1000 + echo),
                             memory.writes.payload.data.eq(Cat(~echo, echo))]
                m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += [memory.requests.valid.eq(1),
                             memory.requests.payload.address.eq(1000 + echo),
                             memory.requests.payload.words.eq(Mux(echo == 255, 0, 1))]
                with m.If(memory.requests.ready):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += echo.eq(memory.words.payload[8:])
                with m.If(memory.words.valid):
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [uart.i.valid.eq(1), uart.i.payload.eq(echo)]
                with m.If(uart.i.ready):
                    m.next = "TAKE"
        return m


def board(tape=TAPE, **changes):
    config = replace(CONFIG, **changes)
    return VirtualBoard(config, tape, component=StandIn(config, PROGRAM))


def predicted_log(config):
    """Rows of the StandIn's log according to the Python twin."""
    twin = MemoryTwin(config, TAPE)
    twin.edge()  # the clock of reset
    program = list(PROGRAM)
    rows = []
    for clock in range(10_000):
        if twin.valid:
            rows.append((clock, twin.word & 0xffff))
        asks = program and twin.ready
        twin.edge(program.pop(0) if asks else None)
    return rows


@pytest.mark.parametrize("rate, latency", [
    (Fraction(4, 5), 20), (Fraction(1, 2), 20), (Fraction(1), 1), (Fraction(3, 7), 33)])
def test_words_come_at_the_clocks_of_the_twin(rate, latency):
    with board(memory_rate=rate, memory_latency=latency) as virtual:
        expected = predicted_log(replace(CONFIG, memory_rate=rate, memory_latency=latency))
        assert len(expected) == sum(words for _, words in PROGRAM)
        with serial.Serial(virtual.port, timeout=10) as line:
            line.write(b"?")
            log = line.read(4 * len(expected))
    rows = [(int.from_bytes(log[at:at + 2], "little"), int.from_bytes(log[at + 2:at + 4], "little"))
            for at in range(0, len(log), 4)]
    assert rows == expected


@pytest.mark.parametrize("rate", [Fraction(4, 5), Fraction(1, 2), Fraction(1), Fraction(3, 7)])
def test_a_saturated_memory_gives_its_rate(rate):
    config = replace(CONFIG, memory_rate=rate, memory_latency=5)
    twin = MemoryTwin(config)
    clocks = 7000
    for _ in range(clocks):
        twin.edge((0, 200) if twin.ready else None)
    assert abs(twin.delivered - rate * clocks) < 10


def test_written_words_are_read_back_and_hosts_may_come_and_go():
    with board() as virtual:
        with serial.Serial(virtual.port, timeout=10) as line:
            line.write(b"?")
            assert len(line.read(4 * len(predicted_log(CONFIG)))) > 0
        text = bytes(random.Random(2).choices(range(255), k=1000))
        with serial.Serial(virtual.port, timeout=10) as line:
            line.write(text)
            assert line.read(len(text)) == text
        assert virtual.statistics()["framing_errors"] == 0


def test_an_idle_board_takes_no_time():
    with board() as virtual:
        virtual.statistics()
        time.sleep(0.3)
        first = virtual.statistics()["clocks"]
        used = cpu_seconds(virtual)
        time.sleep(1)
        assert virtual.statistics()["clocks"] - first < 1000
        assert cpu_seconds(virtual) - used < 0.1


def sleeping_clocks(virtual):
    """The number of clocks once it stands still."""
    counts = [0]
    while len(counts) < 3 or counts[-1] != counts[-2]:
        time.sleep(0.1)
        counts.append(virtual.statistics()["clocks"])
    return counts[-1]


def test_a_bit_lasts_its_clocks_on_average():
    with board() as virtual:
        with serial.Serial(virtual.port, timeout=10) as line:
            line.write(b"?")
            assert len(line.read(4 * len(predicted_log(CONFIG)))) > 0
            before = sleeping_clocks(virtual)
            line.write(bytes(4000))
            assert line.read(4000) == bytes(4000)
            clocks = sleeping_clocks(virtual) - before - LINGER_CLOCKS
        assert abs(clocks - 4000 * 10 * CONFIG.clock_hz / CONFIG.baud) < 2000


def cpu_seconds(virtual):
    with open(f"/proc/{virtual.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_broken_rule_ends_the_board_in_one_line():
    with board() as virtual:
        with serial.Serial(virtual.port, timeout=10) as line:
            line.write(b"?\xff")
            with pytest.raises(VirtualBoardError, match="a memory request for no words at clock"):
                for _ in range(100):
                    time.sleep(0.05)
                    virtual.check()


def test_a_tape_that_does_not_fit_is_refused():
    with pytest.raises(VirtualBoardError, match="24008 bytes; the memory .* holds 24000"):
        VirtualBoard(CONFIG, bytes(24008))


def test_a_board_does_not_outlive_its_owner():
    script = ("import sys; sys.path.insert(0, 'tests/sim'); import test_virtual as t; "
              "v = t.board(); print(v.pid, flush=True); input()")
    owner = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True)
    pid = int(owner.stdout.readline())
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} still runs")


def alive(pid):
    """Whether `pid` runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_termination_ends_it_with_statistics():
    with board() as virtual:
        os.kill(virtual.pid, signal.SIGTERM)
        for _ in range(100):
            if not alive(virtual.pid):
                break
            time.sleep(0.05)
        assert virtual.statistics()["clocks"] > 0


def test_two_builds_at_once_make_one_program(tmp_path):
    script = ("import sys; sys.path.insert(0, 'tests/sim'); import test_virtual as t; "
              "t.board().close()")
    variables = os.environ | {"TRITONE_BUILD": str(tmp_path)}
    builders = [subprocess.Popen([sys.executable, "-c", script], env=variables,
                                 cwd=Path(__file__).parents[2]) for _ in range(2)]
    assert [builder.wait(300) for builder in builders] == [0, 0]
    folders = [path for path in (tmp_path / "virtual").iterdir() if path.is_dir()]
    assert len(folders) == 1 and (folders[0] / "simulate").exists()
