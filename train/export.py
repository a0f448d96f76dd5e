"""A trained model as a folder in the released checkpoint form, with its card and its figures."""

import copy
import json
import math
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from .data import END, END_ID
from .model import HGRNBit, Maxima

SAMPLE_PROMPT = "Once upon a time"
SAMPLE_TOKENS = 200
RESIDUAL_BELOW = 32


def load(folder):
    """``(model, tokenizer)`` of a folder; every tensor is widened to float32."""
    folder = Path(folder)
    model = HGRNBit(json.loads((folder / "config.json").read_text()))
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return model.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))


def save_model(model, tokenizer, folder):
    """config.json, model.safetensors (bfloat16) and tokenizer.json."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().bfloat16().cpu().contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(model.config, indent=2) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"))


def sample(model, tokenizer, prompt=SAMPLE_PROMPT, length=SAMPLE_TOKENS):
    """Prompt and greedy continuation, as text."""
    ids = tokenizer.encode(prompt).ids
    pieces = model.greedy(ids, length, stop=END_ID)
    return tokenizer.decode(ids + pieces)


def give_unseen_pieces_an_embedding(model, stream):
    """Pieces that training never showed (most single bytes) get the mean of those it did.

    Weight decay has worn theirs down to nothing, and a residual of zero has no direction.
    """
    weight = model.model.embeddings.weight.data
    seen = torch.zeros(len(weight), dtype=torch.bool, device=weight.device)
    seen[torch.from_numpy(stream.astype("int64")).unique()] = True
    weight[~seen] = weight[seen].mean(0)


def scale_residual(model, factor):
    """Change the unit of the residual by a power of two.

    Every reader of the residual normalises it, so only the writers matter: the embeddings, and
    the gains of the two projections that add to it. Nothing else changes, but for ``eps``.
    """
    model.model.embeddings.weight.data.mul_(factor)
    for block in model.model.layers:
        block.attn.o_proj.norm.weight.data.mul_(factor)
        block.mlp.down_proj.norm.weight.data.mul_(factor)


def settle(model, held_out, stream):
    """The trained model made ready for fixed point: largest residual between 16 and 32."""
    model = copy.deepcopy(model).eval()
    give_unseen_pieces_an_embedding(model, stream)
    largest = held_out.glance(model)["residual"]
    scale_residual(model, 2.0 ** math.floor(math.log2(RESIDUAL_BELOW / largest)))
    return model


def export(model, tokenizer, held_out, stream, log, folder, texts=()):
    """Write the folder, read it back, score what was read, and write log, card and sources."""
    folder = Path(folder)
    save_model(settle(model, held_out, stream), tokenizer, folder)
    reread, tokenizer = load(folder)
    reread = reread.to(held_out.inputs.device)
    maxima = Maxima()
    log["final"] = asdict(held_out.score(reread, maxima))
    log["maxima"] = dict(maxima)
    log["trits"] = reread.trits()
    log["parameters"] = sum(p.numel() for p in reread.parameters())
    log["sample"] = sample(reread, tokenizer)
    (folder / "training.json").write_text(json.dumps(log, indent=1) + "\n")
    (folder / "README.md").write_text(card(log))
    if named := sources(texts):
        (folder / "SOURCES.md").write_text(named)


CARD = """\
# {preset}

A MatMul-free language model (ternary weights, int8 activation codes, a gated linear recurrence)
with {trits:,} ternary weights and {dense:,} dense parameters: hidden {hidden}, {layers} layers,
intermediate {intermediate}, {vocabulary} pieces of byte-level BPE. It writes short stories in
simple English and knows nothing else.

| validation ({validation_file}) | |
|---|---|
| **bits a byte** | **{bits:.4f}** |
| nats a token | {nats:.4f} |
| documents, tokens, bytes | {documents:,}, {tokens:,}, {bytes:,} |

Measured on the stored checkpoint (bfloat16, read back, float32 arithmetic), by
`tritone quality models/{preset} FILE`. Procedure: the text is split at
lines that are exactly `{end}`; a document keeps its newlines and loses white space at
both ends; each document, whole, is scored from a state of zero on the input
`[{end}] + pieces` against the targets `pieces + [{end}]`; bits a byte is the
sum of all negative log-likelihoods in bits over the UTF-8 bytes of all documents. Learning rate
and weight decay of the presets were chosen on this same text among some twenty runs, so the
figure flatters the model a little.

## Training

{steps:,} steps of {rows} rows of {context} tokens ({tokens_seen:,} tokens, {epochs:.0f} times the
{stream_tokens:,} tokens of {stories:,} documents), Adam, peak learning rate {learning_rate},
{warmup} steps of warm-up, cosine to zero, weight decay {weight_decay} (times the learning rate),
dropout {dropout}; {minutes:.1f} minutes on: {hardware}. Straight-through estimator for weights and
activations; the forward pass computes with the weights as stored. Three quarters of the rows
begin at a document's first token, the others anywhere. The state is dropped between documents in
most rows and carried on in one of eight. The last step is the one kept; its embeddings and the
gains of `o_proj` and `down_proj` are scaled by one power of two, which changes only the unit of
the residual, and pieces that the text never used (most single bytes) have the mean embedding.
The loss curve is in `training.json`; `make train MODEL=models/{preset} CORPUS=DIR` does all of it
again.

## Range of the activations

Largest absolute values over the validation text, for whoever sizes fixed-point numbers:

| {names} |
|{rules}|
| {values} |

(`residual`: after every half block; `i f g`: outputs of the three projections, before their
functions; `h`: recurrent state; `a b`: the halves of the gated linear unit.)

## Sample

Greedy, from "{prompt}":

> {sample}

## Licences

Trained on {files}. {licence}
The model is published under the licence of the project. It may say anything; it was made to
measure hardware with.
"""

LICENCES = {
    "tinystories": "TinyStories (Eldan and Li, 2023) is under the Community Data License "
    "Agreement - Sharing 1.0, which does not restrict what is computed from the data.",
    "childrens_pd": "The classic children's books are in the public domain in the United States; "
    "what Standard Ebooks added to them is CC0.",
    "childrens_ccby": "The picture-book stories are under CC-BY: SOURCES.md names every one and "
    "who wrote it.",
}
OTHER_TEXT = "Whoever publishes the model states the licence of {}."


def licence(files):
    """A sentence for each text."""
    return "\n".join(next((text for prefix, text in LICENCES.items() if name.startswith(prefix)),
                          OTHER_TEXT.format(name)) for name in files)


def sources(texts):
    """SOURCES.md for the texts that have NAME_attribution.json beside them, or None.

    Such a file is a list of [source, title, author, licence].
    """
    rows = []
    for text in map(Path, texts):
        path = text.with_name(f"{text.stem}_attribution.json")
        if path.is_file():
            rows += [f"| {title} | {author} | {terms} | {source} |"
                     for source, title, author, terms in json.loads(path.read_text())]
    if not rows:
        return None
    return "\n".join(["# Sources", "", "Texts that the model was trained on and whose licence asks "
                      "for their names.", "", "| title | author | licence | source |",
                      "|---|---|---|---|", *rows, ""])


def card(log):
    """README.md of a model, every figure from its log."""
    recipe, final, training, maxima = (
        log[key] for key in ("recipe", "final", "training", "maxima")
    )
    return CARD.format(
        **recipe, **{k: v for k, v in training.items() if k not in ("documents", "files")},
        files=", ".join(training["files"]), end=END, preset=log["preset"], trits=log["trits"],
        dense=log["parameters"] - log["trits"], validation_file=log["validation_file"],
        bits=final["bits_a_byte"], nats=final["nats_a_token"], documents=final["documents"],
        tokens=final["tokens"], bytes=final["bytes"], stories=training["documents"],
        epochs=training["tokens_seen"] / training["stream_tokens"],
        minutes=log["seconds"] / 60, hardware=log["hardware"], names=" | ".join(maxima),
        rules="---|" * (len(maxima) - 1) + "---",
        values=" | ".join(f"{value:.1f}" for value in maxima.values()),
        licence=licence(training["files"]), prompt=SAMPLE_PROMPT,
        sample=log["sample"].replace("\n", "\n> "),
    )  # fmt: skip
