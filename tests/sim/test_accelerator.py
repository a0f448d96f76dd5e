"""The whole accelerator, case by case of sim/tb_accelerator.py, against the golden model."""

import pytest
from checkpoints import shape_of, write_checkpoint

from tritone.compiler.clocks import predict
from tritone.compiler.tape import compile_integers
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.rtl.accelerator import Accelerator
from tritone.sim.bench import machine
from tritone.sim.runner import cases, made, run

SHAPE = shape_of(20, 2, 30, 40)
ODD = shape_of(19, 2, 33, 41)  # fills no word and no beat
TINY = {"preset": "tiny", "changes": {}}
WIDE = {"preset": "virtual", "changes": {"max_hidden": 40, "max_inner": 64, "max_layers": 4,
                                      "memory_words": 4096}}
COMPACT = {"preset": "tiny", "changes": {"formats": "compact"}}
MACHINES = [pytest.param((TINY, SHAPE), id="tiny"), pytest.param((WIDE, ODD), id="wide-odd")]
# (prompt, tokens to sample, temperature with 12 fraction bits, seed)
RUNS = [([3], 3, 0, 0), ([7, 30, 1, 12], 4, 4096, 5), ([5, 6], 0, 0, 1),
        ([39, 2], 2, 65535, 1 << 63),
        ([39, 2], 4, 0, 0)]


def per_token(tape, config):
    """Words and beats that a sampled and a prompt token of `tape` cost, by counter."""
    v, header = config.vector, tape.header

    def count(commands):
        norms, matrices = ([c for c in commands if c.norm is norm] for norm in (True, False))
        return {"trit_words": sum(c.words for c in matrices),
                "pair_beats": sum(-(-c.length // v) for c in norms),
                "result_beats": sum(-(-c.rows // v) for c in matrices)}

    token, prompt = count(tape.commands), count(tape.commands[:-2])
    token["words"] = header.embedding_words + header.token_words
    prompt["words"] = header.embedding_words + header.body_words
    return {name: {"token": token[name], "prompt": prompt[name]} for name in token}


def make_system(folder, parameters, shape):
    """(Config, parameters of the testbench)"""
    config = machine(parameters)
    model = integer_model(write_checkpoint(folder / "model", shape, tokenizer=False),
                          config.formats)
    tape, golden = compile_integers(model, config), Golden(model)
    tape.save(folder / "model.tape")
    state, carried = golden.start(), []
    for prompt, count, temperature, seed in RUNS[2:]:
        carried = list(golden.generate(prompt, max(count, 1), temperature=temperature, seed=seed,
                                       state=state))
    runs = [{"prompt": prompt, "temperature": temperature, "seed": seed, "tokens": [
        int(t) for t in golden.generate(prompt, count, temperature=temperature, seed=seed)]}
        for prompt, count, temperature, seed in RUNS]
    assert carried != runs[-1]["tokens"], "a state that is not reset would not show"
    return config, parameters | per_token(tape, config) | {
        "tape": str(folder / "model.tape"), "runs": runs, "clocks": predict(tape).to_dict()}


@pytest.fixture(scope="module", params=MACHINES)
def system(request, tmp_path_factory):
    return make_system(tmp_path_factory.mktemp("accelerator"), *request.param)


@pytest.mark.parametrize("case", cases("tb_accelerator"))
def test_accelerator(case, system):
    config, parameters = system
    run(made(Accelerator, config), "tb_accelerator", case, parameters=parameters)


def test_accelerator_in_compact_formats(tmp_path):
    config, parameters = make_system(tmp_path, COMPACT, SHAPE)
    run(Accelerator(config), "tb_accelerator", "clocks_are_as_predicted", parameters=parameters)
