"""The one table of results: boards, processors and peers, out of docs/data; nothing is run.

    python docs/comparison.py

Writes docs/results.md and README.md between their marks. `make results` ends with it.
"""

import json
import sys
from pathlib import Path

from tritone.common.errors import TritoneError
from tritone.common.page import marks, write_between
from tritone.compiler.roofline import fastest
from tritone.cpu.machine import is_busy

HERE = Path(__file__).resolve().parent
DATA, PAGES = HERE / "data", (HERE / "results.md", HERE.parent / "README.md")
MARKS = marks("comparison", "python docs/comparison.py")
COLUMNS = ("system", "model", "tokens/s", "of the memory's peak", "mJ a token", "how",
           "command or source", "commit", "leaves out")


def parsed(path):
    """What a JSON file has; TritoneError names one that is none."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise TritoneError(f"{path}: {error}; expected JSON") from error


def entries(data, folder):
    """{name: JSON object} of data/folder, in the order of their names."""
    return {path.stem: parsed(path) for path in sorted((data / folder).glob("*.json"))}


def number(value):
    """Three digits, and no fewer than are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def millijoules(low_typical_high):
    low, typical, high = (f"{1000 * low_typical_high[k]:.3g}" for k in ("low", "typical", "high"))
    return f"{typical} ({low} to {high})"


def board_row(board, power):
    """A bitstream: clocks by simulation, at the clock that its route allows; energy estimated."""
    speed = board["speed"]
    share = speed.get("share_of_memory_peak")
    how, energy = "simulated clocks at a post-route clock", ""
    command, revision = f"`{board['command']}`", board["commit"]
    if estimate := power.get(board["board"]):
        energy = millijoules(estimate["joules_a_token"]["board"])
        how += f"; energy {estimate['mark']}"
        command += f", `{estimate['command']}`"
        revision += f", {estimate['commit']}"
    place = "in SDRAM" if share else "in block RAM"
    return (f"**Tritone**, {board['title']}, `{board['board']}`, model {place}",
            Path(speed["model"]).name, number(speed["tokens_per_second"]),
            f"{share:.0%}" if share else "", energy, how, command, revision,
            "the board itself: no hardware ran this")


def machine_rows(machines, boards):
    """The fastest board for each model of which no report of a board tells."""
    known = {Path(board["speed"]["model"]).name for board in boards}
    for model, entry in sorted(fastest(machines).items()):
        if model in known:
            continue
        memory = entry["bound"] == "memory"
        yield (f"**Tritone**, `{entry['machine']}`, model in SDRAM", model,
               number(entry["clock_hz"] / entry["clocks"]),
               f"{entry['share']:.0%}" if memory else "", "",
               "simulated clocks at the clock that the board is built for",
               f"`{entry['command']}`", entry["commit"],
               "the board itself: no hardware ran this; energy")


def measured_row(name, run):
    """A run of make measure on a board; TritoneError for one on anything else."""
    if not run["wall"] or not run["wall"]["tokens_per_s"]:
        raise TritoneError(f"measure/{name}.json: no measured tokens/s in it; expected a run of "
                           "make measure on a board")
    energy = run["energy"] and run["energy"]["joules_a_token"]
    return (f"**Tritone**, {name}, preset `{run['preset']}`", run["model"],
            number(run["wall"]["tokens_per_s"]["median"]), "",
            f"{1000 * energy['median']:.3g}" if energy else "",
            "measured, the link included" + ("; energy by a meter" if energy else ""),
            f"`{run['command']}`", run["commit"],
            ", ".join(["energy"] * (not energy) + ["some passes"] * bool(run["partial"])))


def processor_rows(entry):
    """A model on a processor: each number of threads with its best kernel."""
    machine, how = entry["machine"], entry["provenance"]
    if is_busy(machine):
        how += f", too low: the machine was busy, load {machine['load']}"
    for run in entry["runs"]:
        many = "one thread" if run["threads"] == 1 else f"{run['threads']} threads"
        energy = run["energy"]["joules_a_token"]
        yield (f"{machine['processor']}, {machine['usable_cores']} cores, "
               f"{', '.join(machine['vectors'][-1:]) or 'no vectors'}; {many}, our kernel "
               f"`{run['kernel']}`",
               entry["model"], number(run["tokens_per_second"]["median"]), "",
               f"{1000 * energy:.3g}" if energy else "", how,
               f"`{entry['command']}`", entry["commit"],
               "" if energy else f"energy: {run['energy']['why']}")


def peer_row(peer):
    energy, how = peer.get("joules_per_token"), peer.get("energy_how")
    energy = f"{1000 * energy:.3g}" + (f", {how}" if how else "") if energy else ""
    return (peer["system"], peer["model"], number(peer["tokens_per_second"]),
            peer.get("share_of_memory", ""), energy, peer["how"], peer["source"], "",
            peer["leaves_out"])


def rows(data):
    """All rows, the fastest board first; TritoneError when there is no report of a board."""
    power = {entry["board"]: entry for entry in entries(data, "power").values()
             if "board" in entry}
    boards = sorted(entries(data, "boards").values(),
                    key=lambda b: -b["speed"]["tokens_per_second"])
    if not boards:
        raise TritoneError(f"{data / 'boards'}: no report of a board; expected BOARD.json of "
                           "make synth-report")
    found = [measured_row(name, run) for name, run in entries(data, "measure").items()]
    found += [board_row(board, power) for board in boards]
    found += machine_rows(parsed(data / "roofline.json"), boards)
    for entry in entries(data, "cpu").values():
        found += processor_rows(entry)
    return found + [peer_row(peer) for peer in parsed(data / "peers.json")]


def table(found):
    """Markdown."""
    return "\n".join(["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|",
                      *("| " + " | ".join(row) + " |" for row in found)])


def write():
    """Both pages anew."""
    text = table(rows(DATA))
    for page in PAGES:
        write_between(page, *MARKS, text)


def main():
    try:
        write()
    except (TritoneError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyError as error:
        print(f"error: a file of {DATA} lacks {error}; make it again with its command",
              file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
