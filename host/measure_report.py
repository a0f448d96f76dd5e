"""What a measurement found: one JSON object, and lines for people."""

from ..common.provenance import MEASURED, OWN
from ..meters.energy import account
from . import speed

FORMAT = 1
POINTS = 2000  # of the power in the object; the energy is computed of all samples
UNSEEN = "the meter sees no board: this is the power of whatever it is attached to"
NOTHING = 1e-12  # what is left of a difference of equals
PREFIXES = ((1, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
WORDS = {"board": "board", "simulated": "simulated board", "golden": "golden model"}


def thin(t, watts, most=POINTS):
    """At most `most` [t, watts]: averages of samples that follow each other."""
    step = -(-len(t) // most) or 1
    return [[float(t[at:at + step].mean()), float(watts[at:at + step].mean())]
            for at in range(0, len(t), step)]


def meter_part(recorder, origin):
    """The meter, and the power over time from `origin` on."""
    t, watts = recorder.arrays()
    return {"name": recorder.name, "failure": recorder.failure, "samples": len(t),
            "points": thin(t - origin, watts)}


def energy_part(measurement, source):
    """meters.energy.account with its provenance; None without a meter."""
    recorder = measurement.recorder
    if recorder is None:
        return None
    windows = [(p.start, p.end) for p in measurement.passes]
    steps = len(measurement.workload.prompt) - 1 + measurement.workload.tokens
    t, watts = recorder.arrays()
    if recorder.failure:
        found = account(t[:0], watts[:0], None, [], steps)
        found["refused"] = [recorder.failure]
    else:
        found = account(t, watts, measurement.idle_window, windows, steps)
    if source == "board":
        return {**found, "steps": steps, "provenance": MEASURED, "note": "by the meter"}
    unknown = dict.fromkeys((name for name in found if name.startswith("joules")))
    return {**found, **unknown, "steps": steps, "provenance": OWN, "note": UNSEEN}


def report(measurement, source, config, prediction):
    """The figures: "wall" of a real board, else "own_speed" of what stands for it, "counted",
    "boxes", "passes", "meter", "energy", "partial"."""
    passes, origin = measurement.passes, measurement.began
    recorder = measurement.recorder
    return {
        "source": source,
        "wall": speed.wall(passes, source) if source == "board" else None,
        "own_speed": None if source == "board" else speed.wall(passes, source),
        "counted": speed.counted(passes, config.clock_hz, prediction, source),
        "boxes": speed.boxes(passes),
        "warm_up": measurement.warm_up and measurement.warm_up.to_dict(origin),
        "idle": measurement.idle_window and [t - origin for t in measurement.idle_window],
        "passes": [p.to_dict(origin) for p in passes],
        "meter": recorder and meter_part(recorder, origin),
        "energy": energy_part(measurement, source),
        "partial": measurement.partial,
    }


def _digits(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def ranged(found, unit):
    """Median and spread with four digits, all with the SI prefix that the median asks for."""
    value = found["median"] if abs(found["median"]) > NOTHING else 0.0
    scale, prefix = next(((scale, prefix) for scale, prefix in PREFIXES if abs(value) >= scale),
                         PREFIXES[-1])
    if not value:
        found = {"least": 0.0, "median": 0.0, "most": 0.0}
    if not value or unit == "tokens/s":
        scale, prefix = 1, ""
    least, middle, most = (_digits(found[key] / scale) for key in ("least", "median", "most"))
    between = f" ({least} to {most})" if least != most else ""
    return f"{middle}{between} {prefix}{unit}"


def _speed_rows(part, latency, how=""):
    names = (("generation", "tokens_per_s", "tokens/s"),
             ("prompt", "prompt_tokens_per_s", "tokens/s"), ("first token", "first_token_s", "s"))
    rows = [(name + how, ranged(part[key], unit), part["provenance"], part["note"])
            for name, key, unit in names if part[key]]
    if latency and part["latency_s"]:
        rows.append(("token after token" + how, ranged(part["latency_s"], "s"), part["provenance"],
                     part["note"]))
    return rows


def _energy_rows(energy):
    names = (("idle", "idle_watts", "W"), ("running", "running_watts", "W"),
             ("running above idle", "difference_watts", "W"),
             ("energy a pass", "joules_a_pass", "J"),
             ("energy a token", "joules_a_token", "J"),
             ("energy a token above idle", "joules_a_token_above_idle", "J"))
    return [(name, ranged(energy[key], unit), energy["provenance"], energy["note"])
            for name, key, unit in names if energy[key]]


def rows(found):
    """(name, figure, provenance, how) of each figure, those of the machine first."""
    parts = [_speed_rows(found["wall"], True) if found["wall"] else [],
             _speed_rows(found["counted"], False, ", by clocks"),
             _speed_rows(found["own_speed"], True, ", here") if found["own_speed"] else [],
             _energy_rows(found["energy"]) if found["energy"] else []]
    return [row for part in parts for row in part]


def title(found):
    """What was measured, in one line."""
    return (f"{found['model']} on {found['board']} ({WORDS[found['source']]}, preset "
            f"{found['preset']}): {found['prompt_tokens']} tokens of prompt, {found['tokens']} "
            f"tokens, {len(found['passes'])} of {found['repeats']} passes")


def remarks(found):
    """What a reader has to know besides: what is missing, and why."""
    said = []
    if found["partial"]:
        said.append(f"partial: {found['partial']}")
    energy = found["energy"]
    if energy and energy["refused"]:
        said += [f"no energy: {why}" for why in energy["refused"]]
    if energy and energy["joules_a_token"]:
        said.append(f"energy is divided by the {energy['steps']} steps of a pass: tokens of the "
                    "prompt but its last, and the tokens written")
    return said


def lines(found):
    """For people: a line a figure, how it was obtained beneath each group."""
    said, note = [title(found)], None
    for name, figure, provenance, how in rows(found):
        if how != note:
            said.append(f"{provenance}, {how}:")
            note = how
        said.append(f"  {name:<28} {figure}")
    return said + remarks(found)
