"""The virtual board: the machine's Verilog, compiled, with a memory and a serial port.

    with VirtualBoard(preset("virtual"), tape) as board:
        link = serial.Serial(board.port)

With `sdram`, a controller and a simulated chip at its pins take the place of the fast memory.
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
from ..common.sdram_parts import SdramUse, part
from ..common.tape import check_image
from ..rtl import emit
from . import verilator
from .cache import build_root, cached, digest
from .progress import step
from .sdram_chip import numbers

SOURCES = Path(__file__).resolve().parent / "board"
FLAGS = ["-O2", "-march=native"]  # -O3 and profiles of a run gain nothing measurable
TRANSLATE = ["-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"]
REPLY_S = 10
SDRAM = SdramUse(part=part("AS4C32M16SB-7"), clock_hz=133_000_000)  # of --memory sdram


class VirtualBoardError(TritoneError):
    """The virtual board did not start or stopped."""


def memory_use(name):
    """SdramUse of `--memory name`, None for "plain"; VirtualBoardError for a board without one."""
    if name in ("plain", "sdram"):
        return SDRAM if name == "sdram" else None
    from ..boards.board import board
    memory = board(name).memory
    if memory is None:
        raise VirtualBoardError(f"--memory {name}: that board has no memory")
    return memory.use


def processor():
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


def _top(config, component, sdram, contents):
    """What is simulated, with `component` in the place of the machine."""
    if sdram is not None:
        from ..rtl.sdram_top import SdramTop
        return SdramTop(config, sdram, component)
    if component is not None:
        return component
    from ..rtl.top import Top
    return Top(config, contents)


def port_widths(config, sdram=None):
    """What main.cpp must know of the machine's ports, as options of the compiler."""
    defines = [f"-DWORD_BITS={config.word_bits}", f"-DADDRESS_BITS={config.address_bits}"]
    if sdram is not None:
        defines += [f"-DDATA_BITS={sdram.part.data_bits}"]
        defines += ["-DCROSSING"] * (sdram.clock_hz != config.clock_hz)
    return defines


def build(config, component=None, sdram=None, contents=None):
    """The simulator's program for `config`, from build/virtual or made now, which takes minutes
    on a machine that has never built one.

    `component` replaces `tritone.rtl.top.Top(config, contents)`, `contents` being the model of a
    resident Config; `sdram`, a SdramUse, the fast memory.
    """
    verilator.check_tools()
    defines = port_widths(config, sdram)
    parts = [emit.identity(), verilator.identity(), FLAGS, defines, TRANSLATE, processor(),
             *(source.read_bytes() for source in sorted(SOURCES.iterdir()))]
    if component is not None:
        top = _top(config, component, sdram, contents)
        return _program(emit.to_rtlil(top, "tritone"), parts, defines)
    # The same gateware gives the same program: what it was called saves elaborating it again.
    name = digest(config, sdram, contents, version("amaranth"), *_gateware(), *parts)
    known = build_root() / "virtual" / f"{name}.program"
    if known.exists() and (program := Path(known.read_text())).exists():
        return program
    with step("elaborating the machine"):
        design = emit.to_rtlil(_top(config, None, sdram, contents), "tritone")
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
    sdram : common.sdram_parts.SdramUse
        Instead of the fast memory, a controller with this chip at its pins.
    fault : str
        A fault of the memory, for tests; see sim/memory_faults.py.
    program : Path
        A program to run instead of one that is built here.

    Members
    -------
    port : str
        Path of the serial port.
    pid : int
        The process that simulates.
    """

    def __init__(self, config, tape=None, *, contents=None, component=None, sdram=None, fault=None,
                 program=None):
        size = config.memory_words * config.word_bytes
        if tape is not None and len(tape) > size:
            raise VirtualBoardError(f"the tape has {len(tape)} bytes; the memory of "
                                    f"{config.name!r} holds {size}")
        self._program = program or build(config, component, sdram, contents)
        command = [str(self._program), *self._memory(config, sdram), str(config.clock_hz),
                   str(config.baud)]
        self._last = {}
        self._text = b""
        self._errors = tempfile.TemporaryFile()
        # The board has read its tape when it names its port.
        with tempfile.NamedTemporaryFile(prefix="tritone_", suffix=".tape") as file:
            if tape:
                file.write(tape)
                file.flush()
            command += [file.name if tape else "", *[fault] * (fault is not None)]
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

    @staticmethod
    def _memory(config, sdram):
        """The program's first arguments."""
        if sdram is not None:
            return numbers(sdram.part), str(sdram.clock_hz)
        rate = Fraction(config.memory_rate)
        return map(str, (config.memory_latency, rate.numerator, rate.denominator,
                         config.memory_words))

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
    parser.add_argument("--memory", default="plain", metavar="plain|sdram|BOARD",
                        help="sdram: the controller, with a simulated chip at its pins; a board's "
                             "name: with its chip and its rate")
    options = parser.parse_args(arguments)
    try:
        config, tape = preset(options.preset), None
        if options.tape:
            tape = options.tape.read_bytes()
            check_image(tape, str(options.tape), config)
        with VirtualBoard(config, tape, sdram=memory_use(options.memory)) as board:
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
