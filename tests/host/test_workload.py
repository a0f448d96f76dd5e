"""Passes of a workload, their times and figures, and what is refused."""

import zlib
from types import SimpleNamespace

import pytest

from tritone.common.counters import COUNTERS
from tritone.host import speed
from tritone.host.transport import BoardError
from tritone.host.workload import (UnequalPasses, Workload, WorkloadError, bin_edges, bin_of,
                                   check_same, check_workload, run_pass)

PREDICTION = SimpleNamespace(token=1000, prompt=800)


class Clock:
    """A clock that a board of the test moves."""

    now = 100.0

    def __call__(self):
        return self.now


class TimedBoard:
    """Gives `tokens`, each after the seconds of `delays`."""

    def __init__(self, clock, tokens, delays, error=None):
        self._clock, self._tokens, self._delays, self._error = clock, tokens, delays, error
        self.asked = self.closed = None

    def run(self, prompt, generate, temperature, seed):
        self.asked = prompt, generate, temperature, seed
        try:
            for token, delay in zip(self._tokens, self._delays):
                self._clock.now += delay
                yield token
            if self._error:
                raise self._error
        finally:
            self.closed = True

    def counters(self):
        return dict.fromkeys(COUNTERS, 0) | {
            "clocks": 4100, "tokens": 4, "prompt_clocks": 1640, "prompt_tokens": 2,
            "array_busy": 4592, "memory_stall": 574, "array_wait_codes": 287}


WORKLOAD = Workload((7, 8, 9), 4, 2048, 12)


def one_pass(delays=(0.5, 0.25, 0.125, 0.25)):
    clock = Clock()
    board, counted = TimedBoard(clock, [70, 1 << 23, 5, 6], delays), []
    return run_pass(board, WORKLOAD, lambda: counted.append(1), clock), board, counted


def test_a_pass_has_the_times_of_its_tokens():
    found, board, counted = one_pass()
    assert board.asked == ((7, 8, 9), 4, 2048, 12) and board.closed and len(counted) == 4
    assert (found.start, found.first, found.end) == (100.0, 100.5, 101.125)
    assert (found.tokens, found.prompt, found.head) == (4, 3, [70, 1 << 23, 5, 6])
    assert found.latency == {"median": 0.25, "least": 0.125, "most": 0.25}
    assert found.crc == zlib.crc32(bytes([70, 0, 0, 0, 0, 0, 128, 0, 5, 0, 0, 0, 6, 0, 0, 0]))
    assert [count for *_, count in found.gaps] == [1, 2]
    assert found.to_dict(99.0)["end"] == 2.125 and "head" not in found.to_dict(0)


def test_one_token_has_no_latency():
    clock = Clock()
    found = run_pass(TimedBoard(clock, [1], [0.5]), WORKLOAD, clock=clock)
    assert found.latency is None and found.gaps == [] and found.first == found.end
    figures = speed.wall([found], "board")
    assert figures["tokens_per_s"] is None and figures["latency_s"] is None


@pytest.mark.parametrize("seconds", [3e-7, 1e-6, 0.99e-3, 1e-3, 0.0123, 1.0, 99.0])
def test_a_gap_lies_in_its_bin(seconds):
    least, below = bin_edges(bin_of(seconds))
    assert least <= seconds * (1 + 1e-12) and seconds < below * (1 + 1e-12)
    assert below / least == pytest.approx(10 ** 0.05)


def test_tokens_that_come_together_have_a_bin():
    assert bin_edges(bin_of(0.0))[0] == pytest.approx(1e-9)


def test_a_board_that_fails_ends_the_pass():
    clock = Clock()
    board = TimedBoard(clock, [1, 2], [0.1, 0.1], BoardError("gone"))
    with pytest.raises(BoardError, match="^gone$"):
        run_pass(board, WORKLOAD, clock=clock)


def test_passes_must_give_the_same_tokens():
    first, same = one_pass()[0], one_pass()[0]
    check_same(first, same, 2)
    same.crc ^= 1
    with pytest.raises(UnequalPasses, match="^pass 2 gave other tokens than the first"):
        check_same(first, same, 2)


def test_figures_by_the_clock_of_the_host():
    found = speed.wall([one_pass()[0], one_pass((0.25, 0.25, 0.25, 0.25))[0],
                        one_pass((0.75, 0.5, 0.5, 0.5))[0]], "board")
    assert found["first_token_s"] == {"median": 0.5, "least": 0.25, "most": 0.75}
    assert found["prompt_tokens_per_s"] == {"median": 6.0, "least": 4.0, "most": 12.0}
    # three tokens after the first, in 0.625 s, 0.75 s and 1.5 s
    assert found["tokens_per_s"] == {"median": 4.0, "least": 2.0, "most": 4.8}
    assert found["token_s"]["median"] == 0.25 and found["token_s"]["most"] == 0.5
    assert found["latency_s"] == {"median": 0.25, "least": 0.125, "most": 0.5}
    assert found["provenance"] == "measured" and "link included" in found["note"]


@pytest.mark.parametrize("source, provenance", [("board", "measured"), ("simulated", "simulated")])
def test_figures_by_the_clocks_of_the_machine(source, provenance):
    found = speed.counted([one_pass()[0]], 1_000_000, PREDICTION, source)
    assert found["clocks_per_token"]["median"] == 1025
    assert found["prompt_clocks_per_token"]["median"] == 820
    assert found["tokens_per_s"]["median"] == pytest.approx(1e6 / 1025)
    assert found["prompt_tokens_per_s"]["median"] == pytest.approx(1e6 / 820)
    assert found["first_token_s"]["median"] == pytest.approx((1025 + 2 * 820) / 1e6)
    assert found["predicted_clocks_per_token"] == 1000 and found["provenance"] == provenance


def test_figures_of_the_golden_model_are_predicted():
    found = speed.counted([one_pass()[0]], 1_000_000, PREDICTION, "golden")
    assert found["tokens_per_s"]["median"] == 1000 and found["provenance"] == "predicted"
    assert found["first_token_s"]["median"] == pytest.approx((1000 + 2 * 800) / 1e6)


def test_boxes_have_shares_of_the_clocks():
    found = speed.boxes([one_pass()[0]])
    assert found["array_busy"] == 4592 / 5740 and found["memory_stall"] == 574 / 5740
    assert found["array_wait_codes"] == 287 / 5740
    assert not {"clocks", "tokens", "memory_words"} & set(found)
    assert speed.boxes([]) == {}


def test_nothing_is_said_of_no_passes():
    figures = speed.wall([], "board")
    assert {figures[name] for name in figures if name not in ("provenance", "note")} == {None}
    assert speed.counted([], 1, PREDICTION, "board")["tokens_per_s"] is None


TAPE = SimpleNamespace(vocabulary=10, image=bytes(5000))


def chip(size):
    return SimpleNamespace(part=SimpleNamespace(name="AS4C", size=size))


def test_what_fits_is_not_refused():
    check_workload(WORKLOAD, TAPE, PREDICTION, chip(5000))
    check_workload(Workload((0,), (1 << 24) - 1), TAPE, PREDICTION)


@pytest.mark.parametrize("workload, memory, why", [
    (Workload((1, 10), 5), None, "token id 10 of the prompt is out of range: the model has 10 "),
    (WORKLOAD, chip(4999), "the model's tape has 5,000 bytes; AS4C holds 4,999"),
    (Workload((1,), 281_474_976_711), None,
     "281,474,976,711 tokens after 1 of prompt take 281,474,976,711,000 clocks; the machine's "
     "counters end at 281,474,976,710,655"),
])
def test_what_does_not_fit_is_refused(workload, memory, why):
    with pytest.raises(WorkloadError) as caught:
        check_workload(workload, TAPE, PREDICTION, memory)
    assert str(caught.value).startswith(why)
