"""The engine writes what the golden model writes, or nothing is measured."""

from dataclasses import dataclass

from .errors import CpuError

TEMPERATURES = (0, 3277)  # greedy, and 0.8
SEED = 20
PROMPTS = ("Once upon a time", "Lily and her dog went to the park. They", "The big red car was")


@dataclass(frozen=True)
class Text:
    """What the golden model writes after a prompt."""

    prompt: list
    temperature: int
    tokens: list


def texts(golden, prompts, count):
    """A Text of `count` tokens for each of `prompts` (token ids) and TEMPERATURES."""
    return [Text(prompt, temperature,
                 list(golden.generate(prompt, count, temperature=temperature, seed=SEED)))
            for prompt in prompts for temperature in TEMPERATURES]


def check(engine, expected, name):
    """CpuError at the first token that is not golden's; `name` says which engine it is."""
    for text in expected:
        given, _ = engine.generate(text.prompt, len(text.tokens), temperature=text.temperature,
                                   seed=SEED)
        for n, (ours, theirs) in enumerate(zip(given, text.tokens)):
            if ours != theirs:
                raise CpuError(f"{name} gave token {ours} as number {n}; the golden model {theirs} "
                               f"(temperature {text.temperature}/4096); nothing was measured")
