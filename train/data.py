"""Text to tokens: documents, the byte-level BPE, and the rows that a training step sees.

A text file holds documents separated by lines that are exactly ``<|endoftext|>``. Inside a
document newlines are kept; both ends are stripped. Piece 0 of every tokenizer is
``<|endoftext|>``: it opens each document, and it is the target after the last piece.
"""

import hashlib
import re
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END = "<|endoftext|>"
END_ID = 0


def documents(text):
    """The non-empty documents of a text, stripped."""
    parts = re.split(rf"^{re.escape(END)}$", text, flags=re.MULTILINE)
    return [part.strip() for part in parts if part.strip()]


def train_tokenizer(texts, vocabulary):
    """A byte-level BPE of ``vocabulary`` pieces.

    All 256 bytes are pieces, so that any text survives encoding and decoding. Adding special
    tokens, which ``encode`` does unless told otherwise, puts ``<|endoftext|>`` before a prompt.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", special_tokens=[(END, END_ID)]
    )
    return tokenizer


def encode(tokenizer, texts):
    """One uint16 array a document, without any ``<|endoftext|>``."""
    batch = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [np.array(item.ids, np.uint16) for item in batch]


def join(pieces):
    """All documents in one uint16 stream, ``<|endoftext|>`` before each."""
    end = np.array([END_ID], np.uint16)
    return np.concatenate([part for piece in pieces for part in (end, piece)])


def prepare(paths, vocabulary, folder):
    """Tokenizer and token stream of text files, made once and kept in ``folder``."""
    text = f"\n{END}\n".join(Path(path).read_text(encoding="utf-8") for path in paths)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_file = folder / f"{digest}-{vocabulary}.tokenizer.json"
    stream_file = folder / f"{digest}-{vocabulary}.npy"
    if not stream_file.exists():
        texts = documents(text)
        train_tokenizer(texts, vocabulary).save(str(tokenizer_file))
        np.save(stream_file, join(encode(Tokenizer.from_file(str(tokenizer_file)), texts)))
    return Tokenizer.from_file(str(tokenizer_file)), np.load(stream_file)


class Rows:
    """Which part of the stream each row of each step holds; a function of the seed and the step.

    A resumed run therefore sees the same rows as an uninterrupted one. The stream continues at
    its beginning after its end.
    """

    def __init__(self, stream, recipe):
        self.recipe = recipe
        self.length = len(stream)
        self.openings = np.flatnonzero(stream == END_ID)
        repeats = -(-(recipe.context + 1) // len(stream))
        self.stream = np.concatenate([stream, *[stream] * repeats])[
            : len(stream) + recipe.context + 1
        ]

    def __call__(self, step):
        """Starts (rows,) int64, and whether a row drops its state between documents (rows,)."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        anywhere = rng.integers(0, self.length, recipe.rows)
        openings = self.openings[rng.integers(0, len(self.openings), recipe.rows)]
        starts = np.where(rng.random(recipe.rows) < recipe.boundary_rows, openings, anywhere)
        return starts.astype(np.int64), rng.random(recipe.rows) >= recipe.carry_rows
