"""How far each machine is from what its memory and its array allow: `make roofline`.

    python docs/roofline.py [--tokens 4] [--pictures]

Simulates every shipped model that fits on every machine: the boards with their SDRAM chips, and the
presets with a plain memory. Writes docs/data/roofline.json, docs/roofline.md between its marks and
docs/figures/roofline.png. With --pictures only the last two, from the data that are there.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import roofline_figure
from rich.console import Console
from rich.progress import Progress
from tritone.boards.board import boards
from tritone.common.config import Config, preset
from tritone.common.errors import TritoneError
from tritone.common.origin import commit
from tritone.common.page import marks, write_between
from tritone.common.sdram_parts import SdramUse
from tritone.compiler.clocks import predict
from tritone.compiler.roofline import Roofline, passes, where_the_clocks_went
from tritone.compiler.sizes import obstacle
from tritone.compiler.tape import compile_model
from tritone.host.driver import Board
from tritone.model.settings import Settings
from tritone.sim.virtual import VirtualBoard

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
DATA, PAGE = HERE / "data" / "roofline.json", HERE / "roofline.md"
COMMAND = "make roofline"
MARKS = marks("roofline", COMMAND)
PLAIN = "virtual", "narrow", "kcu116"  # presets that are simulated with a plain memory
PROMPT = (1,)  # one token, so that the counters are those of sampled tokens
TIMEOUT_S, TOKENS = 120.0, 4


@dataclass
class Machine:
    """What is simulated: a Config, its memory, and the boards that have both."""

    config: Config
    sdram: SdramUse | None = None
    only: str = ""  # the model that a resident machine is built for
    boards: list = field(default_factory=list)

    @property
    def name(self):
        return ", ".join(self.boards) or self.config.name

    @property
    def octets_a_clock(self):
        """Peak of the memory for a clock of the machine; 0 without one."""
        if self.config.weights == "resident":
            return 0.0
        if self.sdram is None:
            return float(self.config.word_bytes * self.config.memory_rate)
        return self.sdram.part.data_bits / 8 * self.sdram.clock_hz / self.config.clock_hz

    def models(self):
        """Folders of the shipped models that fit, the smallest first."""
        folders = [path.parent for path in MODELS.glob("*/config.json")]
        fitting = [f for f in folders if (not self.only or f.name == self.only)
                   and not obstacle(Settings(f).shape, self.config)]
        return sorted(fitting, key=lambda f: Settings(f).shape.trits)


def machines():
    """All machines, boards of the same machine and memory together."""
    found = {}
    for name, board in sorted(boards().items()):
        use = board.memory.use if board.memory else None
        only = "" if board.memory else Path(board.model).name
        machine = Machine(board.config, use, only)
        found.setdefault((board.preset, str(use)), machine).boards.append(name)
    return [*found.values(), *(Machine(preset(name)) for name in PLAIN)]


def simulate(machine, tape, count):
    """Counters of a run of `count` tokens on the virtual board."""
    image = None if tape.contents else tape.image
    with VirtualBoard(machine.config, image, contents=tape.contents,
                      sdram=machine.sdram) as virtual, \
            Board.open(virtual.port, timeout=TIMEOUT_S, attempts=3) as board:
        board.load(tape.image)
        for _ in board.run(list(PROMPT), count):
            pass
        return board.counters()


def entry(machine, folder, count, told):
    """What is known of one model on one machine; `told` is the command and the commit."""
    config, tape = machine.config, compile_model(folder, machine.config)
    prediction, trits = predict(tape, config), Settings(folder).shape.trits
    octets = prediction.words * config.word_bytes if machine.octets_a_clock else 0
    line = Roofline(trits, octets, config.lanes, machine.octets_a_clock)
    counters = simulate(machine, tape, count)
    clocks = counters["clocks"] / counters["tokens"]
    return {
        "machine": machine.name, "boards": machine.boards, "preset": config.name,
        "model": folder.name, "clock_hz": config.clock_hz, "lanes": config.lanes, "trits": trits,
        "octets": octets, "octets_a_clock": machine.octets_a_clock, "clocks": clocks,
        "memory_clocks": line.memory, "array_clocks": line.compute, "bound": line.bound,
        "share": line.share(clocks), "states": where_the_clocks_went(counters),
        "passes": passes(counters), "provenance": "simulated", **told,
    }


def collect(count):
    """All entries; a line of progress meanwhile."""
    pairs = [(machine, folder) for machine in machines() for folder in machine.models()]
    command = COMMAND if count == TOKENS else f"python docs/roofline.py --tokens {count}"
    entries, told = [], {"command": command, "commit": commit()}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(pairs))
        for machine, folder in pairs:
            progress.update(task, description=f"{folder.name} on {machine.name}")
            entries.append(entry(machine, folder, count, told))
            progress.advance(task)
    return entries


def reached(e):
    """A row of the first table."""
    memory = f"{e['memory_clocks']:,.0f}" if e["octets"] else ""
    shares = (f"{clocks / e['clocks']:.0%}" for clocks in e["states"].values())
    return [e["machine"], f"`{e['preset']}`", e["model"], memory, f"{e['array_clocks']:,.0f}",
            f"{e['clocks']:,.0f}", f"{e['share']:.1%} of {e['bound']}",
            f"{e['clock_hz'] / e['clocks']:,.0f}", *shares, e["commit"]]


def beside(e):
    """A row of the second table."""
    return [e["machine"], e["model"], *(f"{clocks:,.0f}" for clocks in e["passes"].values())]


def markdown(titles, rows):
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def tables(entries):
    """Markdown: bounds and what the array did, then the other boxes."""
    first = ["boards or preset", "preset", "model", "memory's clocks", "array's clocks",
             "clocks of a token, simulated", "share reached", "tokens/s at the machine's clock",
             *entries[0]["states"], "commit"]
    second = ["boards or preset", "model", *entries[0]["passes"]]
    return "\n".join([
        markdown(first, map(reached, entries)), "",
        "Clocks of a token in which each of the other boxes worked, most of them beside the array, "
        "and in which the link held up the machine:", "",
        markdown(second, map(beside, entries))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=TOKENS, help="more make a refresh count less")
    parser.add_argument("--pictures", action="store_true", help="simulate nothing")
    options = parser.parse_args()
    try:
        if not options.pictures:
            entries = collect(options.tokens)
            DATA.write_text(json.dumps(entries, indent=1) + "\n")
        entries = json.loads(DATA.read_text())
        write_between(PAGE, *MARKS, tables(entries))
        roofline_figure.draw(entries, HERE / "figures" / "roofline.png")
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
