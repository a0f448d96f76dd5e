"""Whole tokens: text, logits and state of the golden model, on every kernel and several threads."""

import platform
from pathlib import Path

import numpy as np
import pytest
from checkpoints import shape_of, write_checkpoint

from tritone.common import generator
from tritone.common.formats import DEFAULT, FORMATS
from tritone.cpu import compiler
from tritone.cpu.engine import Engine
from tritone.cpu.errors import CpuError
from tritone.cpu.layout import Packed
from tritone.cpu.library import Library, library
from tritone.cpu.machine import instructions
from tritone.model.golden import Golden
from tritone.model.integers import integer_model

MODELS = Path(__file__).parents[2] / "models"
KERNELS = sorted(library(DEFAULT).kernels)
TEMPERATURES = {"greedy": 0, "0.8": 3277, "hot": 65535}


@pytest.fixture(scope="module")
def golden():
    """name -> Golden, made when first asked for."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = Golden(integer_model(MODELS / name))
        return made[name]

    return get


def engine(model, kernel, threads=1):
    return Engine(Packed(library(model.formats), kernel, model), threads)


def last_logits(golden, tokens):
    """Logits after reading all of `tokens`, and the state."""
    state = golden.start()
    for token in tokens:
        r = golden.body(token, state)
    return golden.head(r), state


@pytest.fixture(scope="module")
def texts(golden):
    """[(prompt, temperature, tokens, logits, state)] of stories-200k."""
    model, made = golden("stories-200k"), []
    for prompt in ([1], [300, 7, 7, 511], list(range(20, 33))):
        for temperature in TEMPERATURES.values():
            tokens = list(model.generate(prompt, 12, temperature=temperature, seed=5))
            made.append((prompt, temperature, tokens, *last_logits(model, prompt + tokens[:-1])))
    return made


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("kernel", KERNELS)
def test_text_logits_and_state_are_goldens(golden, texts, kernel, threads):
    run = engine(golden("stories-200k").model, kernel, threads)
    for prompt, temperature, expected, logits, state in texts:
        tokens, times = run.generate(prompt, 12, temperature=temperature, seed=5)
        assert tokens == expected
        assert run.logits().tolist() == logits.tolist()
        assert run.state().tolist() == state.tolist()
        assert len(times) == len(prompt) + 12 and (np.diff(times) >= 0).all()


@pytest.mark.parametrize("temperature", TEMPERATURES.values(), ids=TEMPERATURES)
def test_a_larger_model_writes_goldens_text(golden, temperature):
    model = golden("stories-1m5")
    expected = list(model.generate([3, 1, 4], 40, temperature=temperature, seed=2**63 + 9))
    for kernel in ("plain", KERNELS[0]):
        run = engine(model.model, kernel, 2)
        assert run.generate([3, 1, 4], 40, temperature=temperature, seed=2**63 + 9)[0] == expected


@pytest.mark.parametrize("sizes", [(40, 1, 88, 77), (64, 3, 160, 300), (100, 2, 36, 130)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_sizes_that_fill_no_panel(tmp_path, kernel, sizes):
    model = Golden(integer_model(write_checkpoint(tmp_path / "m", shape_of(*sizes))))
    for threads in (1, 4):
        run = engine(model.model, kernel, threads)
        for temperature in (0, 4096):
            expected = list(model.generate([5, 2], 8, temperature=temperature, seed=1))
            assert run.generate([5, 2], 8, temperature=temperature, seed=1)[0] == expected
            assert run.logits().tolist() == last_logits(model, [5, 2, *expected[:-1]])[0].tolist()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other architectures of x86")
@pytest.mark.parametrize("formats, architecture", [
    ("fine", "x86-64-v3" if "avx2" in instructions() else "x86-64"), ("compact", "x86-64"),
    ("resident", "native")])
def test_other_processors_and_formats(tmp_path, monkeypatch, formats, architecture):
    """AVX2 without VNNI where there is AVX2, plain C without any vectors, and the other formats."""
    monkeypatch.setattr(compiler, "FLAGS", [f.replace("native", architecture).replace("O3", "O1")
                                            for f in compiler.FLAGS])
    built = Library(FORMATS[formats])
    assert architecture != "x86-64" or list(built.kernels) == ["plain"]
    folder = write_checkpoint(tmp_path / "m", shape_of(100, 2, 176, 130))
    model = Golden(integer_model(folder, FORMATS[formats]))
    expected = {t: list(model.generate([5], 10, temperature=t, seed=1)) for t in (0, 4096)}
    for kernel in built.kernels:
        for temperature, tokens in expected.items():
            run = Engine(Packed(built, kernel, model.model), 2)
            assert run.generate([5], 10, temperature=temperature, seed=1)[0] == tokens
            assert run.logits().tolist() == last_logits(model, [5, *tokens[:-1]])[0].tolist()


@pytest.mark.parametrize("gain, bias", [(1e-6, 1), (1e3, 1), (1, 2000), (0, 1)])
def test_extreme_gains_and_embeddings(tmp_path, gain, bias):
    """Small and large exponents, vectors of zeros, states and residuals that saturate."""
    def change(tensors):
        for key in tensors:
            if key.endswith("attn_norm.weight") or key.endswith("down_proj.norm.weight"):
                tensors[key] *= np.float32(gain)
        tensors["model.embeddings.weight"] *= np.float32(bias)

    model = Golden(integer_model(write_checkpoint(tmp_path / "m", shape_of(), change=change)))
    run = engine(model.model, KERNELS[0], 2)
    tokens, _ = run.generate([9, 8], 12, temperature=2000, seed=4)
    assert tokens == list(model.generate([9, 8], 12, temperature=2000, seed=4))
    logits, state = last_logits(model, [9, 8, *tokens[:-1]])
    assert run.logits().tolist() == logits.tolist() and run.state().tolist() == state.tolist()


def test_each_run_begins_anew(golden):
    run = engine(golden("stories-200k").model, KERNELS[0], 2)
    first = run.generate([4, 9], 10, temperature=4096, seed=3)[0]
    assert run.generate([4, 9], 10, temperature=4096, seed=4)[0] != first
    assert run.generate([4, 9], 10, temperature=4096, seed=3)[0] == first


def test_the_generators_first_states_are_its_own(golden):
    """Also for the seed whose mixture is zero."""
    model = golden("stories-200k")
    run = engine(model.model, KERNELS[0])
    seed = generator.SEED_MIX
    assert run.generate([4], 6, temperature=8192, seed=seed)[0] == \
        list(model.generate([4], 6, temperature=8192, seed=seed))


@pytest.mark.parametrize("prompt", [[], [-1], [512]])
def test_a_prompt_out_of_range_is_refused(golden, prompt):
    with pytest.raises(CpuError, match="tokens from 0 to 511"):
        engine(golden("stories-200k").model, KERNELS[0]).generate(prompt, 1)


def test_products_and_reading_take_time(golden):
    run = engine(golden("stories-200k").model, KERNELS[0], 2)
    for times in (run.products(20), run.read(20)):
        assert times.shape == (20,) and (times > 0).all()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_of_equal_scores_wins(tmp_path, threads):
    """Logits that are all 0, and temperatures at which many variates are the same."""
    def change(tensors):
        tensors["lm_head.weight"] *= 0

    model = Golden(integer_model(write_checkpoint(tmp_path / "m", change=change)))
    run = engine(model.model, KERNELS[0], threads)
    for temperature in (0, 1, 2, 40):
        for seed in range(3):
            expected = list(model.generate([5], 5, temperature=temperature, seed=seed))
            assert run.generate([5], 5, temperature=temperature, seed=seed)[0] == expected
