"""The virtual board: the machine's Verilog, compiled, with a memory and a serial port.

    with VirtualBoard(preset("virtual"), tape) as board:
        link = serial.Serial(board.port)

`python -m tritone.sim.virtual --preset virtual --tape FILE` prints the port and runs until Ctrl-C.
docs/virtual-board.md defines the board clock by clock.
"""

import argparse
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

from ..common.config import PRESETS, preset
from ..common.errors import TritoneError
from ..common.tape import check_image
from ..rtl import emit
from . import verilator
from .cache import build_root, cached, digest
from .progress import step

SOURCES = Path(__file__).resolve().parent / "board"
FLAGS = ["-O2", "-march=native"]  # -O3 and profiles of a run gain nothing measurable
TRANSLATE = ["-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"]
REPLY_S = 10


class VirtualBoardError(TritoneError):
    """The virtual board did not start or stopped."""


def _processor():
    """What -march=native depends on; a build folder may be carried to another machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _gateware():
    """Content of the Python files that decide what the machine's Verilog will be."""
    tree = SOURCES.parents[1]
    return [path.read_bytes() for part in ("rtl", "common")
            for path in sorted((tree / part).glob("*.py"))]


def build(config, component=None, contents=None):
    """The simulator's program for `config`, from build/virtual or made now, which takes minutes
    on a machine that has never built one.

    `contents` is the model of a resident Config; `component` replaces the whole
    `tritone.rtl.top.Top(config, contents)`.
    """
    verilator.check_tools()
    defines = [f"-DWORD_BITS={config.word_bits}", f"-DADDRESS_BITS={config.address_bits}"]
    parts = [emit.identity(), verilator.identity(), FLAGS, defines, TRANSLATE, _processor(),
             *(source.read_bytes() for source in sorted(SOURCES.iterdir()))]
    if component is not None:
        return _program(emit.to_rtlil(component, "tritone"), parts, defines)
    # The same gateware gives the same program: what it was called saves elaborating it again.
    name = digest(config, contents, version("amaranth"), *_gateware(), *parts)
    known = build_root() / "virtual" / f"{name}.program"
    if known.exists() and (program := Path(known.read_text())).exists():
        return program
    with step("elaborating the machine"):
        from ..rtl.top import Top
        design = emit.to_rtlil(Top(config, contents), "tritone")
    program = _program(design, parts, defines)
    emit.write_if_changed(known, str(program))
    return program


def _program(design, parts, defines):
    """The program for RTLIL text."""
    def make(folder):
        with step("writing Verilog (the first time here, this also compiles Yosys: a minute)"):
            Path(folder, "design.v").write_text(emit.to_verilog(design))
        with step("translating Verilog to C++"):
            verilator.translate("design.v", "tritone", folder, *TRANSLATE)
        with step("compiling the virtual board"):
            verilator.program(folder, [SOURCES / "main.cpp"], FLAGS, defines=defines)

    return cached(build_root() / "virtual" / digest(design, *parts), make) / "simulate"


class VirtualBoard:
    """A simulated board whose serial port any program can open.

    Parameters
    ----------
    config : Config
    tape : bytes
        Found in the memory from address 0 on when the board starts, as if booted from flash.
    contents : compiler.resident.Contents
        Of a Tape for a resident Config, which then has no memory for a tape.
    component : amaranth.lib.wiring.Component
        Another machine with the ports of `rtl.top.Top`, for tests.

    Members
    -------
    port : str
        Path of the serial port.
    pid : int
        The process that simulates.
    """

    def __init__(self, config, tape=None, *, contents=None, component=None):
        size = config.memory_words * config.word_bytes
        if tape is not None and len(tape) > size:
            raise VirtualBoardError(f"the tape has {len(tape)} bytes; the memory of "
                                    f"{config.name!r} holds {size}")
        self._program = build(config, component, contents)
        rate = Fraction(config.memory_rate)
        numbers = (config.memory_latency, rate.numerator, rate.denominator, config.memory_words,
                   config.clock_hz, config.baud)
        command = [str(self._program), *map(str, numbers)]
        self._last = {}
        self._text = b""
        self._errors = tempfile.TemporaryFile()
        # The board has read its tape when it names its port.
        with tempfile.NamedTemporaryFile(prefix="tritone_", suffix=".tape") as file:
            if tape:
                file.write(tape)
                file.flush()
                command.append(file.name)
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
            try:
                self.port = self._reply(REPLY_S)["port"]
                self.pid = self._process.pid
            except BaseException:
                self.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _reply(self, timeout):
        """The next JSON line of the process."""
        end = time.monotonic() + timeout
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._text:
            if not select.select([pipe], [], [], max(0, end - time.monotonic()))[0]:
                raise VirtualBoardError(f"the virtual board did not answer within {timeout} s")
            chunk = os.read(pipe, 4096)
            if not chunk:
                raise VirtualBoardError(self._epitaph())
            self._text += chunk
        line, self._text = self._text.split(b"\n", 1)
        return json.loads(line)

    def _epitaph(self):
        status = self._process.wait(REPLY_S)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"the virtual board ended with status {status}"

    def check(self):
        """Raises VirtualBoardError, with what the board said, if it has stopped."""
        if self._process.poll() is not None:
            raise VirtualBoardError(self._epitaph())

    def statistics(self):
        """{"clocks", "seconds", "clocks_per_second", "memory_words", "framing_errors"} up to now,
        or up to the end of a closed board; `seconds` leaves out the time in which it slept."""
        if not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # it leaves its statistics when it ends
                self._process.stdin.write(b"s")
                self._process.stdin.flush()
            self._last = self._reply(REPLY_S)
        return self._last

    def close(self):
        """Stops the board; a second call does nothing."""
        if self._process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._last = self._reply(REPLY_S)
        except (VirtualBoardError, json.JSONDecodeError):
            self._process.kill()
        self._process.wait(REPLY_S)
        self._process.stdout.close()
        self._errors.close()


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="tritone.sim.virtual",
                                     description="A simulated board with a serial port.")
    parser.add_argument("--preset", default="virtual", choices=sorted(PRESETS))
    parser.add_argument("--tape", type=Path, help="found in the memory when the board starts")
    options = parser.parse_args(arguments)
    try:
        config, tape = preset(options.preset), None
        if options.tape:
            tape = options.tape.read_bytes()
            check_image(tape, str(options.tape), config)
        with VirtualBoard(config, tape) as board:
            print(board.port, flush=True)
            try:
                while True:
                    time.sleep(0.5)
                    board.check()
            except KeyboardInterrupt:
                board.close()
            print(json.dumps(board.statistics()), file=sys.stderr)
    except (TritoneError, OSError) as error:
        sys.exit(f"virtual board: {error}")


if __name__ == "__main__":
    main()
