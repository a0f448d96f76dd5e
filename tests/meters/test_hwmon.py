"""A folder such as the kernel makes for an INA226."""

import time

import pytest

from tritone.meters.meter import MeterError, parse_spec


@pytest.fixture
def chip(tmp_path):
    """A function that writes the files of a chip; its folder."""
    def write(**files):
        for name, text in files.items():
            (tmp_path / name).write_text(f"{text}\n")
        return tmp_path
    return write


def meter(folder, options=""):
    return parse_spec(f"hwmon:{folder}{options}").open()


def test_millivolts_and_milliamperes(chip):
    found = meter(chip(in0_input=12, in1_input=5012, curr1_input=250, power1_input=99)).sample()
    assert found[1:] == pytest.approx((5.012, 0.25, 1.253))


def test_another_channel(chip):
    folder = chip(in1_input=1, curr1_input=1, in2_input=3300, curr2_input=-40)
    assert meter(folder, ",channel=2").sample()[1:] == pytest.approx((3.3, -0.04, -0.132))


def test_microwatts_where_there_is_no_pair(chip):
    found = meter(chip(in1_input=5000, power1_input=1253000)).sample()
    assert found[1:3] == (None, None) and found.watts == pytest.approx(1.253)


def test_readings_change_and_have_times(chip):
    folder = chip(in1_input=5000, curr1_input=100)
    one = meter(folder)
    first = one.sample()
    chip(curr1_input=200)
    second = one.sample()
    assert (first.watts, second.watts) == pytest.approx((0.5, 1.0))
    assert first.t < second.t <= time.monotonic()


@pytest.mark.parametrize("update, options, least, most", [
    (60, "", 0.055, 0.5), (1, "", 0.0095, 0.5), (2000, ",interval=0.02", 0.019, 0.5)])
def test_a_chip_is_not_read_faster_than_it_measures(chip, update, options, least, most):
    one = meter(chip(in1_input=5000, curr1_input=100, update_interval=update), options)
    times = [one.sample().t for _ in range(6)]
    steps = sorted(b - a for a, b in zip(times, times[1:]))
    assert least <= steps[2] <= most  # the middle one: this computer may be busy


def test_no_folder_and_no_files_are_one_line(chip, tmp_path):
    with pytest.raises(MeterError, match="^hwmon:.*/absent: there is no such folder$"):
        meter(tmp_path / "absent")
    with pytest.raises(MeterError, match="has neither in1_input and curr1_input nor power1_input$"):
        meter(chip(in1_input=5000, curr2_input=7))


def test_a_chip_that_goes_away_or_says_nonsense_is_one_line(chip):
    folder = chip(in1_input=5000, curr1_input=100)
    one = meter(folder)
    chip(curr1_input="n/a")
    with pytest.raises(MeterError, match="^curr1_input holds 'n/a'; expected a number$"):
        one.sample()
    (folder / "in1_input").unlink()
    with pytest.raises(MeterError, match="^cannot read in1_input: No such file or directory$"):
        one.sample()
