"""A machine with its model in block RAM writes what the golden model writes, in its clocks."""

from dataclasses import replace

import pytest
from checkpoints import shape_of, write_checkpoint
from tritone.common.config import preset
from tritone.compiler.clocks import predict
from tritone.compiler.tape import compile_integers
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
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resident")
    return integer_model(write_checkpoint(folder, shape_of(19, 3, 37, 41), tokenizer=False),
                         CONFIG.formats)


def test_text_and_clocks_are_those_of_the_golden_model(model):
    tape = compile_integers(model, CONFIG)
    prediction = predict(tape)
    with VirtualBoard(CONFIG, contents=tape.contents) as virtual, \
            Board.open(virtual.port, timeout=60, stall=300) as board:
        assert board.load(tape.image) == 0
        assert board.identify()["config"] == CONFIG
        for prompt, count, temperature, seed in RUNS:
            tokens = list(board.run(prompt, count, temperature, seed))
            assert tokens == list(Golden(model).generate(
                prompt, count, temperature=temperature, seed=seed))
            counters = board.counters()
            assert counters["clocks"] == count * prediction.token
            assert counters["prompt_clocks"] == (len(prompt) - 1) * prediction.prompt
        other = replace(tape.header, model_id=tape.model_id ^ 1).pack()
        with pytest.raises(BoardError, match=f"holds model {tape.model_id:08x}.*takes no other"):
            board.load(other)
