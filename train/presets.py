"""Named recipes: the shape of a model and how it is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what a training run computes, apart from the text.

    ``rows`` sequences of ``context`` tokens make a step. ``boundary_rows`` of them begin at the
    first token of a document, the others anywhere; ``carry_rows`` of them keep the recurrent
    state across document ends, as a machine does that generates on and on, the others drop it.
    Weight decay acts on the matrices and only until ``decay_until`` of the run.
    """

    vocabulary: int
    hidden: int
    layers: int
    intermediate: int
    steps: int
    rows: int = 64
    context: int = 512
    learning_rate: float = 4e-3
    warmup: int = 500
    weight_decay: float = 0.1
    decay_until: float = 0.5
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    boundary_rows: float = 0.75
    carry_rows: float = 0.125
    seed: int = 1
    evaluate_every: int = 1000

    @property
    def tokens_a_step(self):
        return self.rows * self.context


PRESETS = {
    "stories-1m5": Recipe(
        vocabulary=1024, hidden=128, layers=6, intermediate=384, steps=80_000
    ),
    "stories-200k": Recipe(vocabulary=512, hidden=64, layers=4, intermediate=128, steps=60_000),
    "smoke": Recipe(
        vocabulary=300, hidden=32, layers=2, intermediate=64, steps=60, rows=8, context=64,
        learning_rate=1e-2, warmup=10, evaluate_every=20,
    ),
}  # fmt: skip
