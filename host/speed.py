"""Tokens a second and latencies of passes, by the host's clock and by the machine's."""

from ..common.provenance import MEASURED, OWN, PREDICTED, SIMULATED
from ..meters.energy import spread

# Board.provenance -> that of figures
PROVENANCE = {"board": MEASURED, "simulated": SIMULATED, "golden": PREDICTED}
NOTES = {
    "board": "by this computer's clock, the link included",
    "simulated": "by this computer's clock: the simulator's own speed, no property of a board",
    "golden": "by this computer's clock: the speed of the golden model in NumPy, no property of a "
              "board",
}
COUNTED = {
    "board": "clocks counted by the board, at its nominal frequency",
    "simulated": "clocks counted by the simulated gateware, at the preset's frequency",
    "golden": "clocks that the compiler predicts, at the preset's frequency",
}


def _rate(count, seconds):
    """count / seconds, None when there is nothing to divide."""
    return count / seconds if count > 0 and seconds > 0 else None


def _spread(values):
    """`spread`, None unless all are known."""
    return spread(values) if values and None not in values else None


def wall(passes, source):
    """By the host's clock: the prompt lasts from the request to the first token, the generation
    from the first token to the last.

    Returns
    -------
    dict
        Each a spread over the passes or None: "first_token_s", "prompt_tokens_per_s",
        "tokens_per_s", "token_s" (mean of a pass), "latency_s" {"median", "least", "most"} of the
        gaps between tokens; "provenance" and a "note". Of a board that is not real these are the
        simulator's own.
    """
    gaps = [p.latency for p in passes if p.latency]
    return {
        "first_token_s": _spread([p.first - p.start for p in passes]),
        "prompt_tokens_per_s": _spread([_rate(p.prompt, p.first - p.start) for p in passes]),
        "tokens_per_s": _spread([_rate(p.tokens - 1, p.end - p.first) for p in passes]),
        "token_s": _spread([_rate(p.end - p.first, p.tokens - 1) for p in passes]),
        "latency_s": {
            "median": spread([g["median"] for g in gaps])["median"],
            "least": min(g["least"] for g in gaps),
            "most": max(g["most"] for g in gaps)} if gaps else None,
        "provenance": MEASURED if source == "board" else OWN, "note": NOTES[source],
    }


def clocks_of(one, prediction, source):
    """(clocks of a sampled token, of a token of the prompt) in a pass; None where there is none."""
    if source == "golden":
        return prediction.token, prediction.prompt
    c = one.counters
    return _rate(c["clocks"], c["tokens"]), _rate(c["prompt_clocks"], c["prompt_tokens"])


def counted(passes, clock_hz, prediction, source):
    """By the machine's clocks: what a board does that the host does not hold up.

    Returns
    -------
    dict
        "clocks_per_token", "prompt_clocks_per_token", "tokens_per_s", "prompt_tokens_per_s",
        "first_token_s", each a spread or None; "predicted_clocks_per_token", "clock_hz",
        "provenance" and a "note". The last token of a prompt samples the first one of the text,
        and counts as that.
    """
    pairs = [clocks_of(p, prediction, source) for p in passes]
    tokens, prompts = [a for a, _ in pairs], [b for _, b in pairs]
    firsts = [token and (token + (p.prompt - 1) * (prompt or 0)) / clock_hz
              for p, token, prompt in zip(passes, tokens, prompts)]
    return {
        "clocks_per_token": _spread(tokens),
        "prompt_clocks_per_token": _spread(prompts),
        "tokens_per_s": _spread([_rate(clock_hz, t or 0) for t in tokens]),
        "prompt_tokens_per_s": _spread([_rate(clock_hz, p or 0) for p in prompts]),
        "first_token_s": _spread(firsts),
        "predicted_clocks_per_token": prediction.token, "clock_hz": clock_hz,
        "provenance": PROVENANCE[source], "note": COUNTED[source],
    }


def boxes(passes):
    """{counter: share of the clocks of the last pass} of each box; {} when nothing was counted.
    Boxes work at the same time: the shares have no sum."""
    if not passes:
        return {}
    c = passes[-1].counters
    total = c["clocks"] + c["prompt_clocks"]
    if not total:
        return {}
    return {name: c[name] / total for name in c
            if name.endswith(("_busy", "_stall")) or name == "array_wait_codes"}
