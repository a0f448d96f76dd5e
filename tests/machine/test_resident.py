"""A machine with its model in block RAM writes what the golden model writes, in its clocks."""

from dataclasses import replace

import pytest
from checkpoints import shape_of, write_checkpoint
from rich.console import Console
from tritone.common.config import preset
from tritone.common.signatures import STREAMS
from tritone.compiler.clocks import predict
from tritone.compiler.signatures import expected
from tritone.compiler.tape import compile_integers
from tritone.host import selftest, shipped
from tritone.host.driver import Board
from tritone.host.transport import BoardError
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.sim.virtual import VirtualBoard

# Matrices of several chunks and blocks, rows and inputs that fill no word.
CONFIG = preset("resident", name="small", rows=4, inputs=16, vector=4, max_hidden=24,
                max_inner=48, max_layers=3)
RUNS = [([3], 5, 0, 0), ([7, 30, 1, 12], 6, 4096, 5), ([39, 2], 4, 65535, 1 << 63)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of models with one in it."""
    models = tmp_path_factory.mktemp("resident")
    write_checkpoint(models / "one", shape_of(19, 3, 37, 47), tokenizer=False)
    return models


@pytest.fixture(scope="module")
def model(folder):
    return integer_model(folder / "one", CONFIG.formats)


def test_text_and_clocks_are_those_of_the_golden_model(model):
    tape = compile_integers(model, CONFIG)
    prediction = predict(tape)
    with VirtualBoard(CONFIG, contents=tape.contents) as virtual, \
            Board.open(virtual.port, timeout=60, stall=300) as board:
        assert board.load(tape.image) == 0
        assert board.identify()["config"] == CONFIG
        board.signatures(clear=True)
        signatures = expected(tape, model)
        for prompt, count, temperature, seed in RUNS:
            tokens = list(board.run(prompt, count, temperature, seed))
            assert tokens == list(Golden(model).generate(
                prompt, count, temperature=temperature, seed=seed))
            counters = board.counters()
            assert counters["clocks"] == count * prediction.token
            assert counters["prompt_clocks"] == (len(prompt) - 1) * prediction.prompt
            assert signatures.run(prompt, count, temperature, seed) == tokens
        assert board.signatures() == signatures.signatures
        other = replace(tape.header, model_id=tape.model_id ^ 1).pack()
        with pytest.raises(BoardError, match=f"holds model {tape.model_id:08x}.*takes no other"):
            board.load(other)


def bench(folder, monkeypatch):
    """A self-test's bench, to be opened, with a virtual board that holds the model of `folder`."""
    monkeypatch.setattr(shipped, "MODELS", ("one",))
    options = selftest.parse(["--preset", "resident", "--models", str(folder)])
    return selftest.Bench(options, Console(), config=CONFIG)


def test_the_selftest_takes_the_model_that_is_built_in(folder, monkeypatch):
    with bench(folder, monkeypatch) as it:
        link, memory, blocks = (selftest.run_check(name, it)
                                for name in ("link", "memory", "blocks"))
    assert link["passed"] and memory["passed"] and blocks["passed"], (link, memory, blocks)
    assert memory["line"] == "none: the model is in block RAM"
    assert blocks["line"] == ("signatures of 18 streams and 8 tokens as computed now by the golden "
                              "model with one")


@pytest.mark.parametrize("store, first, wrong", [
    ("pairs", "pairs", "pairs"),
    ("trits", "v", "sums")])  # no signature of their own: the next norm is the first to say so
def test_the_selftest_names_a_stream_that_differs(folder, monkeypatch, store, first, wrong):
    """A bit of the block RAM is the other way round."""
    def faulty(*arguments):
        for name, tape in shipped.fitting(*arguments):
            getattr(tape.contents, store)[5] ^= 1 << 3
            yield name, tape

    monkeypatch.setattr(selftest, "fitting", faulty)
    with bench(folder, monkeypatch) as it:
        blocks = selftest.run_check("blocks", it)
    assert not blocks["passed"]
    assert blocks["wrong"][0] == first and blocks["box"] == STREAMS[first]
    assert wrong in blocks["wrong"]
