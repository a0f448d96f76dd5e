"""Random checkpoints in released form, for tests."""

import json

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tritone.model.checkpoint import ModelShape
from tritone.model.weights import DTYPES


def shape_of(hidden=64, layers=2, inner=160, vocabulary=300):
    return ModelShape(hidden, layers, inner, vocabulary)


def random_tensors(shape, seed=1):
    """Released key -> float32 tensor; every gain and floor differs from its neutral value."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for key, size in shape.tensors().items():
        if key.endswith("norm.weight"):
            tensors[key] = rng.uniform(0.4, 1.8, size)
        elif key == "model.lower_bounds":
            tensors[key] = rng.normal(0, 1, size)
        elif key == "model.embeddings.weight":
            tensors[key] = rng.normal(0, 1, size)
        else:
            tensors[key] = rng.normal(0, 0.08, size)
    return {key: np.ascontiguousarray(t, np.float32) for key, t in tensors.items()}


def write_checkpoint(folder, shape=None, *, seed=1, change=None, config=None, tokenizer=True,
                     dtype="F32", shards=1):
    """A checkpoint folder; `change(tensors)` and `config` (updates) spoil it on purpose."""
    shape = shape or shape_of()
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: t.astype(DTYPES[dtype]) for key, t in random_tensors(shape, seed).items()}
    if change:
        change(tensors)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
    else:
        write_shards(folder, tensors, shards)
    settings = {"model_type": "hgrn_bit", "hidden_size": shape.hidden, "use_lower_bound": True,
                "num_hidden_layers": shape.layers, "intermediate_size": shape.inner,
                "hidden_ratio": 4, "vocab_size": shape.vocabulary, "rms_norm_eps": 1e-6}
    settings.update(config or {})
    (folder / "config.json").write_text(json.dumps(settings))
    if tokenizer:
        write_tokenizer(folder / "tokenizer.json", shape.vocabulary)
    return folder


def shard_name(number, of):
    return f"model-{number + 1:05}-of-{of:05}.safetensors"


def write_shards(folder, tensors, count):
    """Every count-th tensor in a shard of its own, and the index, as transformers writes them."""
    places = {key: shard_name(n % count, count) for n, key in enumerate(sorted(tensors))}
    for name in set(places.values()):
        save_file({key: tensors[key] for key in places if places[key] == name}, folder / name)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())},
             "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_tokenizer(path, size):
    """A byte-level tokenizer of `size` pieces; those beyond the bytes are pairs of letters."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<|endoftext|>", *alphabet]
    letters = "abcdefghijklmnopqrstuvwxyz"
    pairs = [a + b for a in letters for b in letters]
    merges = [(p[0], p[1]) for p in pairs[:max(0, size - len(pieces))]]
    vocabulary = {p: n for n, p in enumerate((pieces + pairs)[:size])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [m for m in merges if all(
        x in vocabulary for x in m)]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(path))
