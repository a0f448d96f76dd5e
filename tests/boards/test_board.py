"""Boards, their clocks and what is written for the tools."""

from dataclasses import replace
from fractions import Fraction

import pytest

from tritone.boards.board import BoardError, board, boards
from tritone.boards.chips import check_room
from tritone.boards.flow import array_alone, write_sources
from tritone.boards.pll import Clock, phase_of, plan
from tritone.common.boards import PRESET_OF

MHZ = 1_000_000
STREAMED = ["colorlight-5a75b", "icepi-zero", "icesugar-pro", "ulx3s-12f", "ulx3s-25f", "ulx3s-45f",
            "ulx3s-85f"]


def test_every_board_of_the_list_is_there():
    assert set(STREAMED) <= set(boards())


def test_boards_and_machines_are_the_same_list():
    assert {name: found.preset for name, found in boards().items()} == PRESET_OF


def test_an_unknown_board_names_the_known_ones():
    with pytest.raises(BoardError, match="unknown board 'ulx4s'; known: .*icepi-zero.*ulx3s-85f"):
        board("ulx4s")


@pytest.mark.parametrize("name", STREAMED)
def test_a_machine_has_words_for_the_memory_of_its_board(name):
    chosen = board(name)
    config, memory = chosen.config, chosen.memory
    assert config.memory_words * config.word_bytes == memory.part.size
    peak = Fraction(memory.part.data_bits * memory.hz, config.word_bits * config.clock_hz)
    assert config.memory_rate <= peak <= config.memory_rate * Fraction(101, 100)


# By hand from FPGA-TN-02200: VCO = f_in / CLKI_DIV * CLKFB_DIV * CLKOP_DIV, f_out = VCO / DIV
@pytest.mark.parametrize("source, clocks, dividers", [
    (25, [Clock("sync", 100 * MHZ), Clock("mem", 133_333_334)], (1, 1, 32, (8, 6))),
    (50, [Clock("sync", 100 * MHZ), Clock("mem", 125 * MHZ)], (1, 1, 10, (5, 4))),
    (25, [Clock("sync", 80 * MHZ)], (1, 1, 32, (10,))),
    (12, [Clock("sync", 80 * MHZ)], (1, 1, 60, (9,))),
    (96, [Clock("sync", 100 * MHZ)], (3, 1, 25, (8,))),
])
def test_dividers_of_the_pll(source, clocks, dividers):
    found = plan(source * MHZ, clocks)
    assert (found.reference, found.feedback, found.loop, found.outputs) == dividers
    assert found.rates[0] == clocks[0].hz
    assert all(rate <= clock.hz for rate, clock in zip(found.rates, clocks))


def test_a_clock_that_no_pll_makes_is_refused():
    with pytest.raises(BoardError, match="no PLL makes 101,000,001 Hz out of 25,000,000 Hz"):
        plan(25 * MHZ, [Clock("sync", 101_000_001)])


@pytest.mark.parametrize("degrees, divider, fields", [
    (0, 6, (5, 0)), (180, 6, (8, 0)), (90, 6, (6, 4)), (7.5, 6, (5, 1))])
def test_phase_counts_eighths_of_the_vco(degrees, divider, fields):
    assert phase_of(Fraction(degrees), divider) == fields


def test_the_seed_of_a_board_comes_first():
    chosen = replace(board("ulx3s-12f"), seed=3)
    assert chosen.seeds(4) == [3, 1, 2, 4] and chosen.seeds(1) == [3]
    assert replace(chosen, seed=9).seeds(3) == [9, 1, 2]


def test_a_netlist_too_large_names_the_boards_that_would_hold_it():
    small = board("ulx3s-25f")
    check_room(small, {"LUT4": 24_288, "DP16KD": 56, "MULT18X18D": 28})
    with pytest.raises(BoardError, match=r"needs 24,289 LUT4 of 24,288, 57 EBR of 56 in its "
                                         r"LFE5U-25F; large enough: ulx3s-45f, ulx3s-85f"):
        check_room(small, {"LUT4": 24_281, "CCU2C": 1, "TRELLIS_DPR16X4": 1, "DP16KD": 57})
    with pytest.raises(BoardError, match="large enough: no board here"):
        check_room(small, {"MULT18X18D": 157})


@pytest.mark.parametrize("name", ["ulx3s-25f", "ulx3s-85f-resident"])
def test_the_array_alone_is_made_of_the_cells_that_the_machine_has(name):
    assert "CCU2C" in array_alone(board(name))


def test_sources_are_the_same_each_time(tmp_path):
    chosen = board("ulx3s-12f").with_preset("tiny")
    for folder in ("a", "b"):
        write_sources(chosen, tmp_path / folder)
    for name in ("top.il", "top.lpf"):
        first = (tmp_path / "a" / name).read_bytes()
        assert first == (tmp_path / "b" / name).read_bytes()
        assert first
    pins = (tmp_path / "a" / "top.lpf").read_text()
    assert 'LOCATE COMP "clk25_0__io" SITE "G2"' in pins
    assert 'FREQUENCY PORT "clk25_0__io" 25250000.0 HZ' in pins
