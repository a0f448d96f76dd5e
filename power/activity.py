"""Switching activity of a machine that writes a text: toggles and accesses of its netlist.

    tritone power activity --preset tiny --model models/stories-200k

The netlist of synth_ecp5, as it is placed, is simulated clock by clock with whole tokens of a real
text; Verilator counts the changes of every net. What comes out is kept in docs/data/power/activity.
"""

import contextlib
import json
import math
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from ..boards.chips import needs
from ..common.errors import TritoneError
from ..common.origin import commit
from ..compiler.clocks import predict
from ..compiler.tape import compile_integers
from ..host.driver import Board
from ..host.text import encode_prompt, load_tokenizer
from ..model.golden import Golden
from ..model.integers import integer_model
from ..sim import netlist, verilator
from ..sim.progress import step
from . import nets
from .traced import TracedBoard, named_netlist

TREE = Path(__file__).resolve().parents[1]
KEPT = TREE / "docs" / "data" / "power"
PROMPT = "Once upon a time"
REPLY_S, STALL_S = 300.0, 3600.0  # of a simulation that shares its processor
IDLE_CLOCKS = 4096
WINDOWS = 3
WHOLE = "the machine"  # the block of a borrowed activity
RESOURCE = {"lut": "LUT4", "carry": "LUT4", "gate_routing": "LUT4", "lutram_write": "LUT4",
            "register": "FF", "routing": "FF", "ebr": "EBR", "dsp": "DSP"}


class ActivityError(TritoneError):
    """The simulation is not what it should be, or there is none of a machine."""


@dataclass(frozen=True)
class Activity:
    """What a machine does in a token, and in a clock in which it has nothing to do.

    cells : {resource: count} as of boards.chips.needs
    clocks, words : int
        Of a token on the simulated board, whose memory is not that of a real one.
    token, idle : {block: {kind: amount}}
        A token, and a clock; without the clocks of registers.
    clocked : {block: count}
        Clock pins.
    errors : {kind: relative standard error of the token's amount}
    """

    preset: str
    model: str
    cells: dict
    clocks: int
    words: int
    token: dict
    idle: dict
    clocked: dict
    errors: dict
    windows: int
    prompt: str
    commit: str
    seconds: float = 0.0
    provenance: str = "simulated"
    like: str = ""  # the preset whose activity this is, when it was borrowed

    @classmethod
    def read(cls, path):
        """From a file; ActivityError if it holds something else."""
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (TypeError, ValueError) as error:
            raise ActivityError(f"{path}: not an activity of tritone.power: {error}") from error


def add_up(window, probes, fixed):
    """{(block, kind): amount} in a saif.Window, clocks of registers left out."""
    amounts = Counter()
    for (where, kind), each in fixed.items():
        if kind != "clock":
            amounts[where, kind] += each * window.clocks
    for name, meanings in probes.items():
        net = window.nets.get(name)
        if net is None:
            raise ActivityError(f"net {name} is not in the trace")
        for probe in meanings:
            amounts[probe.block, probe.kind] += probe.weight * (
                net.high if probe.high else net.toggles)
    return amounts


def check_busy(window, busy):
    """The window unless the machine worked in it when it should not, or the other way round."""
    clocks = window.nets["busy"].high
    if (clocks < window.clocks - 1) if busy else clocks:
        raise ActivityError(f"the machine was busy in {clocks} of {window.clocks} clocks of a "
                            f"window in which it should {'work' if busy else 'rest'}")
    return window


def mean(windows):
    """{(block, kind): mean amount} of several."""
    return {key: sum(w[key] for w in windows) / len(windows)
            for key in sorted(set().union(*windows))}


def relative_errors(windows):
    """{kind: standard error of the mean over the mean} of two windows or more."""
    errors, count = {}, len(windows)
    for kind in sorted({kind for w in windows for _, kind in w}):
        totals = [sum(v for (_, k), v in w.items() if k == kind) for w in windows]
        average = sum(totals) / count
        variance = sum((t - average) ** 2 for t in totals) / (count - 1)
        errors[kind] = math.sqrt(variance / count) / average if average else 0.0
    return errors


def nested(amounts, divisor=1):
    """{block: {kind: amount / divisor}} without what is 0."""
    result = {}
    for (where, kind), amount in amounts.items():
        if amount:
            result.setdefault(where, {})[kind] = round(amount / divisor, 6)
    return result


def run(watch, port, model, tokenizer, vocabulary, clocks, windows):
    """Amounts while idle and in each of `windows` tokens; checks the text. `watch` counts for so
    many clocks, in which the machine must work, or rest."""
    prompt = encode_prompt(tokenizer, PROMPT)
    with Board.open(port, timeout=REPLY_S, stall=STALL_S) as board:
        board.vocabulary = vocabulary
        idle = watch(IDLE_CLOCKS, False)
        tokens, found = [], []
        with contextlib.closing(board.run(prompt, 2 * windows + 3)) as text:
            for token in text:
                tokens.append(token)
                if len(found) < windows:  # a token takes the same clocks wherever a window begins
                    with step(f"token {len(found) + 1} of {windows}, {clocks:,} clocks"):
                        found.append(watch(clocks, True))
        board_clocks = board.counters()["clocks"]
    if tokens != list(Golden(model).generate(prompt, len(tokens))):
        raise ActivityError("the netlist does not write what the golden model writes")
    if board_clocks != clocks * len(tokens):
        raise ActivityError(f"the netlist took {board_clocks / len(tokens):.1f} clocks a token, "
                            f"not {clocks}")
    return idle, found


def measure(config, folder, windows=WINDOWS):
    """The Activity of the machine of `config` with the model in `folder`; minutes to an hour."""
    verilator.check_tools()
    begun, revision = time.monotonic(), commit()
    model = integer_model(folder, config.formats)
    tape, tokenizer = compile_integers(model, config), load_tokenizer(folder)
    predicted = predict(tape, config)
    placed = Path(netlist.synthesise(netlist.machine(config, tape.contents)))
    statistics = json.loads((placed / "statistics.json").read_text())["design"]
    probes, fixed = nets.examine(placed / "placed.json")
    with TracedBoard(config, tape, named_netlist(placed / "placed.json")) as virtual:
        def watch(clocks, busy):
            return add_up(check_busy(virtual.window(clocks), busy), probes, fixed)

        idle, found = run(watch, virtual.port, model, tokenizer, tape.vocabulary, predicted.token,
                          windows)
    clocked = {where: n for (where, kind), n in sorted(fixed.items()) if kind == "clock" and n}
    return Activity(
        preset=config.name, model=str(folder), cells=needs(statistics["num_cells_by_type"]),
        clocks=predicted.token, words=predicted.words, token=nested(mean(found)),
        idle=nested(idle, IDLE_CLOCKS), clocked=clocked, errors=relative_errors(found),
        windows=windows, prompt=PROMPT, commit=revision, seconds=round(time.monotonic() - begun))


def borrowed(activity, preset, used, clocks, words):
    """`activity` as that of a machine of another preset, which was not simulated: as much for each
    `used` {resource: count} and each clock, in one block."""
    def scaled(amounts, clocks):
        totals = Counter()
        for kinds in amounts.values():
            for kind, amount in kinds.items():
                share = used[RESOURCE[kind]] / max(activity.cells[RESOURCE[kind]], 1)
                totals[WHOLE, kind] += amount * share * clocks
        return nested(totals)

    pins = sum(activity.clocked.values()) * used["FF"] / activity.cells["FF"]
    return replace(activity, preset=preset, cells=used, clocks=clocks, words=words,
                   token=scaled(activity.token, clocks / activity.clocks),
                   idle=scaled(activity.idle, 1), clocked={WHOLE: round(pins)},
                   like=activity.preset)


def path_of(preset, model, kept=KEPT):
    """Where the activity of a preset with a model is kept."""
    return kept / "activity" / f"{preset}-{Path(model).name}.json"


def write(activity, kept=KEPT):
    """Writes it there; its path."""
    path = path_of(activity.preset, activity.model, kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(vars(activity), indent=1) + "\n")
    return path


def kept_activity(preset, model, kept=KEPT):
    """The Activity that is kept; ActivityError with the command that makes it."""
    path = path_of(preset, model, kept)
    if not path.exists():
        raise ActivityError(f"activity/{path.name} is missing: tritone power activity --preset "
                            f"{preset} --model {model}")
    return Activity.read(path)
