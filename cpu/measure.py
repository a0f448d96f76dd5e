"""Figures of one engine: tokens a second, latency, what the products and the memory allow."""

import numpy as np

from ..meters.energy import spread

REPEATS = 11
SHORTEST = 4  # tokens of a repeat
LONGEST = 200_000


def length(seconds_each, seconds):
    """Tokens of a repeat, so that all REPEATS take about `seconds`."""
    return int(np.clip(seconds / REPEATS / max(seconds_each, 1e-9), SHORTEST, LONGEST))


def rates(run, seconds):
    """Tokens a second of REPEATS calls run(tokens) -> seconds of each, after one to warm up."""
    count = length(float(np.median(run(SHORTEST))), seconds)
    run(count)
    return [count / run(count).sum() for _ in range(REPEATS)]


def prompt_rates(engine, prompt, count):
    """Tokens a second of reading a prompt of `count` tokens, repeated."""
    long = (list(prompt) * (count // len(prompt) + 1))[:count + 1]
    return [count / (t[count] - t[0])
            for t in (engine.generate(long, 1)[1] for _ in range(REPEATS))]


def speed(engine, prompt, seconds, temperature):
    """Generation, prompt and latency; each figure from REPEATS runs."""
    each, begin = [], len(prompt)  # the first sampled token comes with the prompt's end

    def run(count):
        _, times = engine.generate(prompt, count + 1, temperature=temperature, seed=1)
        each.append(np.diff(times[begin:]))
        return each[-1]

    found = rates(run, seconds)
    latency = np.concatenate(each[-REPEATS:])
    return {
        "tokens_per_second": spread(found),
        "prompt_tokens_per_second": spread(prompt_rates(engine, prompt, len(each[-1]))),
        "latency_seconds": {"median": float(np.median(latency)),
                            "percentile_99": float(np.percentile(latency, 99))},
        "tokens_a_repeat": len(each[-1]), "repeats": REPEATS}


def limits(engine, seconds):
    """The ternary products alone, and the packed trits only read."""
    products = spread(rates(engine.products, seconds))
    reads = spread(rates(engine.read, seconds))
    octets = engine.packed.bytes
    return {
        "products_per_second": products, "trit_bytes": octets,
        "products_bytes_per_second": octets * products["median"],
        "read_bytes_per_second": octets * reads["median"],
        "share_of_read_rate": products["median"] / reads["median"]}


def energy(engine, rapl, prompt, rate, seconds, temperature):
    """Joules a token by RAPL over about `seconds`, less if a counter could wrap
    twice meanwhile, or why there are none."""
    if rapl.missing:
        return {"joules_a_token": None, "why": rapl.missing}
    count = max(SHORTEST, int(rate * min(seconds, rapl.seconds)))
    joules, took = rapl.joules(
        lambda: engine.generate(prompt, count, temperature=temperature, seed=1))
    return {"joules_a_token": joules / (count + len(prompt) - 1), "watts": joules / took,
            "why": "", "instrument": "RAPL, all processor packages, idle power included"}
