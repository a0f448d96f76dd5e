"""Named recipes: the shape of a model and how it is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what a training run computes, apart from the text.

    ``rows`` sequences of ``context`` tokens make a step. ``boundary_rows`` of them begin at the
    first token of a document, the others anywhere; ``carry_rows`` of them keep the recurrent
    state across document ends, as a machine does that generates on and on, the others drop it.
    Weight decay acts on the ternary matrices and the embeddings, to the end of the run: after
    8,000 steps of stories-1m5 on an H200, 0.1 for half of the run gave 0.847 bits a byte, 0.3
    throughout 0.828 and 1.0 throughout 0.823; after 66,000 steps 0.5 gave 0.786 and 1.0 0.790.
    """

    architecture: str = "matmul-free"
    vocabulary: int
    hidden: int
    layers: int
    intermediate: int
    steps: int
    rows: int = 64
    context: int = 512
    learning_rate: float = 8e-3
    warmup: int = 500
    weight_decay: float = 0.5
    dropout: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    boundary_rows: float = 0.75
    carry_rows: float = 0.125
    seed: int = 1
    evaluate_every: int = 2000

    @property
    def tokens_a_step(self):
        return self.rows * self.context


PRESETS = {
    "stories-1m5": Recipe(
        vocabulary=1024, hidden=128, layers=6, intermediate=384, steps=66_000, weight_decay=0.5
    ),
    "stories-200k": Recipe(
        vocabulary=512, hidden=64, layers=4, intermediate=128, steps=70_000, weight_decay=0.3,
        learning_rate=1e-2,
    ),
    "stories-10m": Recipe(
        vocabulary=2048, hidden=320, layers=8, intermediate=832, steps=8_500, rows=32,
        context=1024, weight_decay=0.5, dropout=0.1, learning_rate=1e-2, evaluate_every=1000,
    ),
    "smoke": Recipe(
        vocabulary=300, hidden=32, layers=2, intermediate=64, steps=60, rows=8, context=64,
        learning_rate=1e-2, warmup=10, evaluate_every=20,
    ),
}  # fmt: skip

# Files of the corpora that a preset is trained on, and the one that it is scored on.
TEXTS = {
    "": ("tinystories_train.txt",),
    "stories-10m": ("tinystories_train.txt", "childrens_pd.txt", "childrens_ccby.txt"),
}
VALIDATION = "tinystories_val.txt"
