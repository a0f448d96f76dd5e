"""Whole-model truth: what the gateware writes is what the golden model writes, in its clocks.

Each case runs the emitted Verilog of the whole machine, memory and serial line included, through
the driver that a real board uses.
"""

from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from checkpoints import shape_of, write_checkpoint
from tritone.common.config import NARROW, TINY, VIRTUAL, preset
from tritone.common.formats import COMPACT, DEFAULT
from tritone.common.sdram_parts import SdramUse, part
from tritone.compiler.clocks import predict
from tritone.compiler.tape import compile_integers
from tritone.host.driver import Board
from tritone.host.text import encode_prompt, load_tokenizer
from tritone.model.golden import Golden
from tritone.model.integers import integer_model
from tritone.sim.virtual import VirtualBoard, memory_use

MODELS = Path(__file__).parents[2] / "models"
TIMEOUT = 60.0  # of the wall, on a machine with other work


@cache
def integers(folder, formats=DEFAULT):
    return integer_model(folder, formats)


def write(board, prompt, count, temperature=0, seed=0):
    """Tokens that a board writes, and its counters."""
    return list(board.run(prompt, count, temperature, seed)), board.counters()


def expect_golden(folder, config, runs):
    """Runs (prompt, count, temperature, seed): tokens of the golden model, predicted clocks."""
    model = integers(folder, config.formats)
    tape = compile_integers(model, config)
    prediction = predict(tape)
    with VirtualBoard(config, tape.image) as virtual, \
            Board.open(virtual.port, timeout=TIMEOUT, stall=300) as board:
        assert board.load(tape.image) == 0, "the preloaded tape is not what was compiled"
        assert board.identify()["model_id"] == tape.model_id
        for prompt, count, temperature, seed in runs:
            tokens, counters = write(board, prompt, count, temperature, seed)
            golden = Golden(model).generate(prompt, count, temperature=temperature, seed=seed)
            assert tokens == list(golden), (prompt, temperature, seed)
            assert counters["tokens"] == count
            assert counters["clocks"] == count * prediction.token
            assert counters["prompt_tokens"] == len(prompt) - 1
            assert counters["prompt_clocks"] == (len(prompt) - 1) * prediction.prompt
    return tape, prediction


def ids(folder, text):
    return encode_prompt(load_tokenizer(folder), text)


@pytest.mark.parametrize("config, prompt, count, temperature, seed", [
    (VIRTUAL, "Once upon a time", 200, 0, 0),
    (NARROW, "The little dog was sad because", 100, 3277, 7)], ids=["virtual", "narrow"])
def test_long_story(config, prompt, count, temperature, seed):
    folder = MODELS / "stories-1m5"
    expect_golden(folder, config, [(ids(folder, prompt), count, temperature, seed)])


def test_small_model_writes_many_texts():
    folder = MODELS / "stories-200k"
    prompts = ["Once upon a time", "Tom", "One day, a big bear", "Zebra! 123 \u00e9\u4e2d?",
               "a" * 40]
    expect_golden(folder, VIRTUAL, [
        (ids(folder, prompt), 100, temperature, seed)
        for prompt, temperature, seed in zip(
            prompts, (0, 4096, 2048, 8000, 65535), (0, 1, 2**64 - 1, 42, 5))])


SIZES = {
    "hidden below a word": (shape_of(3, 1, 2, 257), NARROW),
    "multiples of nothing": (shape_of(65, 2, 77, 258), NARROW),
    "96 x 3, vocabulary 600": (shape_of(96, 3, 192, 600), NARROW),
    "192 x 2": (shape_of(192, 2, 256, 600), NARROW),
    "many thin layers": (shape_of(20, 30, 30, 300), NARROW),
    "smallest preset, full": (shape_of(64, 4, 128, 512), TINY),
    "two elements a clock": (shape_of(64, 2, 101, 301), VIRTUAL),
    "wide words, short bursts": (shape_of(65, 2, 77, 258), preset(
        "narrow", name="tall", rows=16, inputs=10, vector=2, memory_rate=Fraction(1, 3),
        memory_latency=5, burst_words=8, prefetch_words=32)),
    "compact formats": (shape_of(64, 2, 101, 301), preset(
        "narrow", name="compact", inputs=5, memory_rate=Fraction(4, 5), formats=COMPACT)),
    "more rows than a dot product has clocks": (shape_of(30, 2, 40, 300), preset(
        "narrow", name="rows", rows=24, inputs=5, memory_rate=Fraction(3, 7), memory_latency=37,
        prefetch_words=64)),
}


@pytest.mark.parametrize("name", SIZES)
def test_any_size(tmp_path, name):
    shape, config = SIZES[name]
    folder = write_checkpoint(tmp_path, shape, seed=len(name))
    expect_golden(folder, config, [([1, 2, 3], 12, 0, 0), ([0], 12, 4096, 3)])


def test_state_goes_on_when_it_is_not_reset():
    model = integers(MODELS / "stories-200k")
    tape, golden = compile_integers(model, NARROW), Golden(model)
    with VirtualBoard(NARROW, tape.image) as virtual, \
            Board.open(virtual.port, timeout=TIMEOUT) as board:
        board.load(tape.image)
        first = list(board.run([5, 6, 7], 4))
        second = list(board.run([first[-1], 9], 6, reset=False))
    state = golden.start()
    assert first == list(golden.generate([5, 6, 7], 4, state=state))
    assert second == list(golden.generate([first[-1], 9], 6, state=state))


def test_tape_sent_over_the_link_gives_the_same_text(tmp_path):
    model = integer_model(write_checkpoint(tmp_path, shape_of(20, 2, 30, 260)))
    tape = compile_integers(model, TINY)
    with VirtualBoard(TINY) as virtual, Board.open(virtual.port, timeout=TIMEOUT) as board:
        assert board.load(tape.image) == len(tape.image)
        assert list(board.run([1, 2], 8)) == list(Golden(model).generate([1, 2], 8))


@pytest.mark.parametrize("config, memory, loaded", [
    (preset("tiny", memory_words=1 << 22), memory_use("ulx3s-85f"), False),
    (preset("tiny", clock_hz=100_000_000, baud=25_000_000),
     SdramUse(part=part("W9825G6KH-6"), cas_latency=2, clock_hz=100_000_000), True),
], ids=["133 beside 50 MHz", "one clock, loaded over the link"])
def test_the_same_text_out_of_an_sdram(tmp_path, config, memory, loaded):
    """The chip at the controller's pins ends the simulation at the first time that is too short."""
    model = integer_model(write_checkpoint(tmp_path, shape_of(20, 3, 60, 260)))
    tape = compile_integers(model, config)
    prompt = list(range(30))
    with VirtualBoard(config, None if loaded else tape.image, sdram=memory) as virtual, \
            Board.open(virtual.port, timeout=TIMEOUT) as board:
        assert board.load(tape.image) == (len(tape.image) if loaded else 0)
        assert list(board.run(prompt, 40, 2048, 3)) == list(
            Golden(model).generate(prompt, 40, temperature=2048, seed=3))


def test_cancelled_run_leaves_a_board_that_works():
    model = integers(MODELS / "stories-200k")
    tape = compile_integers(model, NARROW)
    with VirtualBoard(NARROW, tape.image) as virtual, \
            Board.open(virtual.port, timeout=TIMEOUT) as board:
        board.load(tape.image)
        run = board.run(list(range(1, 50)), 500)
        begun = [next(run) for _ in range(3)]
        run.close()
        assert begun == list(Golden(model).generate(list(range(1, 50)), 3))
        assert list(board.run([8], 5)) == list(Golden(model).generate([8], 5))


@pytest.mark.parametrize("config, trits", [(NARROW, 16), (VIRTUAL, 40)],
                         ids=["narrow", "virtual"])
def test_memory_keeps_the_array_busy(config, trits):
    """Reading the trits, so many a clock, takes at least 80 % of a token's clocks."""
    tape = compile_integers(integers(MODELS / "stories-1m5"), config)
    assert tape.config.memory_rate * tape.config.lanes == trits
    reading = integers(MODELS / "stories-1m5").shape.trits / trits
    assert predict(tape).token <= reading / Fraction(80, 100)
