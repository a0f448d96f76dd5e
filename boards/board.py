"""What is said of a board: its chip, its clocks, its memory, what runs on it."""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from ..common.config import preset
from ..common.errors import TritoneError
from ..common.sdram_parts import SdramPart, SdramUse
from ..common.sdram_phase import window
from ..compiler.tape import compile_model

TREE = Path(__file__).resolve().parents[1]


class BoardError(TritoneError):
    """A board that does not exist, or something that it cannot hold."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """SDR SDRAM of a board.

    part : SdramPart
    hz : int
        Clock, at most; the PLL gives this or a little less.
    cas_latency : int
    shift : int
        Degrees to be later than computed, where a board asks for it (docs/bringup.md).
    """

    part: SdramPart
    hz: int = 133_333_334
    cas_latency: int = 3
    shift: int = 0

    @property
    def use(self):
        return SdramUse(part=self.part, clock_hz=self.hz, cas_latency=self.cas_latency)

    @property
    def phase(self):
        """Degrees by which the clock at the chip's pin is behind that of the controller: the middle
        of the window in which setup and hold are kept at both ends (docs/sdram.md)."""
        edges = window(self.part, self.hz, self.cas_latency)
        return 360 * edges.middle / edges.period + self.shift


@dataclass(frozen=True, kw_only=True)
class Lamp:
    """An output that is high while something is so; `resource` and `number` of the platform.

    member : str
        Of a resource that has several pins, as RGB LEDs have.
    """

    resource: str
    number: int = 0
    member: str = ""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board with an ECP5, as all files of this folder describe one.

    name : str
        As in `make synth BOARD=name`.
    title : str
        As a person calls it.
    platform : type
        Of amaranth_boards; a subclass where that one leaves something out.
    preset : str
        Of common.config: the machine that fits.
    model : str
        Folder of the model that the clocks of the report are for, and that a resident machine has
        in its block RAM.
    ready, busy, error : Lamp
    reset : str
        Resource that resets, or "": a break of the serial line does it on every board.
    memory : Memory or None
        None: the machine is resident.
    loader : tuple of str
        Arguments of openFPGALoader before the bitstream.
    seed : int
        Of the placement that is tried first; a board whose timing is met with another one names it.
    """

    name: str
    title: str
    platform: type
    preset: str
    ready: Lamp
    busy: Lamp
    error: Lamp
    loader: tuple
    model: str = "models/stories-1m5"
    reset: str = ""
    memory: Memory | None = None
    seed: int = 1

    @property
    def config(self):
        return preset(self.preset)

    @property
    def contents(self):
        """What the block RAM of a resident machine holds; None for others."""
        if self.config.weights != "resident":
            return None
        return compile_model(TREE / self.model, self.config).contents

    @property
    def device(self):
        """Chip, package and speed grade."""
        chip = self.platform
        return f"{chip.device}-{chip.speed}{chip.package}"

    def seeds(self, count):
        """The seeds to try: its own, and from 1 on."""
        return [self.seed, *(n for n in range(1, count + 1) if n != self.seed)][:count]

    def with_preset(self, name):
        """The same board with another machine."""
        return replace(self, preset=preset(name).name)


def _declared(attribute):
    """{name: board} of every module of this folder that has a list called `attribute`."""
    package = __name__.rpartition(".")[0]
    folder = import_module(package).__path__
    modules = (import_module(f"{package}.{m.name}") for m in iter_modules(folder)
               if m.name not in ("build", "chips", "program", "summary", "vendor"))
    return {board.name: board for module in modules for board in getattr(module, attribute, ())}


def boards():
    """{name: Board}: all that open tools build."""
    return _declared("BOARDS")


def vendor_boards():
    """{name: vendor_board.VendorBoard}: those for which sources for a vendor's tool are written."""
    return _declared("VENDOR_BOARDS")


def board(name):
    """The Board called `name`; BoardError lists the known ones."""
    known = boards()
    if name in known:
        return known[name]
    if name in vendor_boards():
        raise BoardError(f"{name!r} needs its vendor's tool: make verilog BOARD={name}")
    raise BoardError(f"unknown board {name!r}; known: {', '.join(sorted(known))}")
