"""The one table of results: boards, processors and peers, out of docs/data; nothing is run.

    python docs/comparison.py

Writes docs/results.md and README.md between their marks. `make results` ends with it.
"""

import json
import sys
from pathlib import Path

from tritone.common.errors import TritoneError
from tritone.common.page import marks, write_between

HERE = Path(__file__).resolve().parent
DATA, PAGES = HERE / "data", (HERE / "results.md", HERE.parent / "README.md")
MARKS = marks("comparison", "python docs/comparison.py")
COLUMNS = ("system", "model", "tokens/s", "of the memory's peak", "J a token", "how",
           "command or source", "commit", "leaves out")


def entries(data, folder):
    """The JSON objects of data/folder, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted((data / folder).glob("*.json"))]


def number(value):
    """Three digits, and no fewer than are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def joules(low_typical_high):
    low, typical, high = (f"{1000 * low_typical_high[k]:.3g}" for k in ("low", "typical", "high"))
    return f"{typical} mJ ({low} to {high})"


def board_row(board, power):
    """A bitstream: clocks by simulation, at the clock that its route allows; energy estimated."""
    speed = board["speed"]
    share = speed.get("share_of_memory_peak")
    how, energy = "simulated clocks at a post-route clock", ""
    if estimate := power.get(board["board"]):
        energy = joules(estimate["joules_a_token"]["board"])
        how += f"; energy {estimate['mark']}"
    place = "in SDRAM" if share else "in block RAM"
    return (f"**Tritone**, {board['title']}, `{board['board']}`, model {place}",
            Path(speed["model"]).name, number(speed["tokens_per_second"]),
            f"{share:.0%}" if share else "", energy, how, f"`{board['command']}`",
            board["commit"], "no board has run it yet")


def processor_rows(entry):
    """A model on a processor: each number of threads with its best kernel."""
    for run in entry["runs"]:
        many = "one thread" if run["threads"] == 1 else f"{run['threads']} threads"
        energy = run["energy"]["joules_a_token"]
        yield (f"{entry['machine']['processor']}, {many}, our kernel `{run['kernel']}`",
               entry["model"], number(run["tokens_per_second"]["median"]), "",
               f"{1000 * energy:.3g} mJ" if energy else "", entry["provenance"],
               f"`{entry['command']}`", entry["commit"],
               "" if energy else f"energy: {run['energy']['why']}")


def peer_row(peer):
    share, energy = peer.get("share_of_memory"), peer.get("joules_per_token")
    notes = {"share": peer.get("share_how"), "energy": peer.get("energy_how")}
    texts = {"share": f"{share:.0%}" if share else "",
             "energy": f"{1000 * energy:.3g} mJ" if energy else ""}
    share, energy = (f"{texts[k]}, {notes[k]}" if notes[k] and texts[k] else texts[k]
                     for k in ("share", "energy"))
    return (peer["system"], peer["model"], number(peer["tokens_per_second"]), share, energy,
            peer["how"], peer["source"], "", peer["leaves_out"])


def rows(data):
    """All rows, the fastest board first; TritoneError when there is no report of a board."""
    power = {entry["board"]: entry for entry in entries(data, "power") if "board" in entry}
    boards = sorted(entries(data, "boards"), key=lambda b: -b["speed"]["tokens_per_second"])
    if not boards:
        raise TritoneError(f"{data / 'boards'}: no report of a board; expected BOARD.json of "
                           "make synth-report")
    found = [board_row(board, power) for board in boards]
    for entry in entries(data, "cpu"):
        found += processor_rows(entry)
    return found + [peer_row(peer) for peer in json.loads((data / "peers.json").read_text())]


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
    except (TritoneError, OSError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
