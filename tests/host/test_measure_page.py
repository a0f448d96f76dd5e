"""The page: whole, on its own, and with what was found in its pictures."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tritone.common.counters import COUNTERS
from tritone.host.measure_page import page
from tritone.host.measure_plots import pictures
from tritone.host.measure_report import lines, ranged, thin

ONE = {"median": 2.0, "least": 1.5, "most": 2.5}


def one_pass(number):
    start = 10.0 * number
    return {"start": start, "first": start + 2, "end": start + 6, "tokens": 9, "prompt": 4,
            "latency": ONE, "gaps": [[0.1, 0.2, 5 + number], [0.4, 0.8, 2]], "crc": 1,
            "counters": dict.fromkeys(COUNTERS, 5)}


def found(**changes):
    """An object as host/measure.py writes it, with everything in it."""
    speed = {"first_token_s": {"median": 0.0123, "least": 0.01, "most": 0.02},
             "prompt_tokens_per_s": ONE, "tokens_per_s": {"median": 1234.5, "least": 1000.0,
                                                          "most": 1500.0},
             "latency_s": {"median": 0.00081, "least": 0.0008, "most": 0.002},
             "provenance": "measured", "note": "by the clock"}
    return {
        "format": 1, "command": "python host/measure.py", "commit": "abc", "created": "2026-01-01",
        "host": {"processor": "P", "system": "S", "python": "3"}, "board": "/dev/x",
        "preset": "tiny", "memory": "plain", "model": "m", "prompt": "<script>alert(1)</script>",
        "prompt_tokens": 4, "tokens": 9, "repeats": 2, "seed": 1, "temperature": 0.0,
        "text": "a & b", "source": "board", "wall": speed, "own_speed": None,
        "counted": {**speed, "tokens_per_s": {"median": 77.25, "least": 77.0, "most": 78.0},
                    "clock_hz": 12_000_000, "note": "by the counters"},
        "boxes": {"array_busy": 0.8, "memory_stall": 0.125}, "warm_up": None, "idle": [0.0, 8.0],
        "passes": [one_pass(1), one_pass(2)],
        "meter": {"name": "fake:meter", "failure": None, "samples": 4,
                  "points": [[0.0, 1.0], [10.0, 1.5], [20.0, 3.0], [30.0, 1.0]]},
        "energy": {"idle_watts": ONE, "running_watts": ONE, "difference_watts": ONE,
                   "joules_a_pass": ONE, "joules_a_token": ONE, "joules_a_token_above_idle": ONE,
                   "refused": [], "steps": 12, "provenance": "measured", "note": "by the meter"},
        "partial": None, **changes}


class Reader(HTMLParser):
    """Tags, texts and what would be fetched."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.links = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes
                       if name in ("src", "href", "xlink:href", "data")]

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone():
    text = page(found())
    reader = Reader(text)
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert all(link.startswith("#") for link in reader.links)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "<script>alert" in reader.text and "a & b" in reader.text


def test_its_pictures_are_well_formed_and_share_no_ids():
    svgs = re.findall(r"<svg.*?</svg>", page(found()), re.S)
    assert len(svgs) == 4
    ids = []
    for text in svgs:
        root = ElementTree.fromstring(text)
        own = [e.get("id") for e in root.iter() if e.get("id")]
        wanted = re.findall(r'(?:url\(|href=")#([^")]+)', text)
        assert set(wanted) <= set(own) and len(set(own)) == len(own)
        ids += own
    assert len(set(ids)) == len(ids)


def test_every_figure_has_its_provenance():
    text = Reader(page(found())).text
    for shown in ("1,234 (1,000 to 1,500) tokens/s", "77.25 (77 to 78) tokens/s",
                  "12.3 (10 to 20) ms", "2 (1.5 to 2.5) W", "2 (1.5 to 2.5) J",
                  "810 (800 to 2,000) µs"):
        assert f"{shown}measured" in text, shown


def test_the_power_is_drawn_with_its_windows():
    axes = pictures(found())["power"].axes[0]
    curve = next(line for line in axes.lines if len(line.get_xdata()) == 4)
    assert list(curve.get_xdata()) == [0, 10, 20, 30] and list(curve.get_ydata()) == [1, 1.5, 3, 1]
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]
    assert spans == [(0, 8), (10, 16), (20, 26)]
    levels = [line.get_ydata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
    assert levels == [2.0, 2.0]


def test_a_picture_of_no_board_says_so():
    text = Reader(page(found(source="golden"))).text
    assert "Power over time: no board's, but of whatever the meter is attached to" in text
    assert "each pass, by this computer's clock, of the program that stands in" in text


def test_one_token_a_pass_has_no_rate_to_draw():
    one = [{**one_pass(1), "tokens": 1, "gaps": []}]
    titles = [axes.get_title(loc="left") for axes in pictures(found(passes=one))["rates"].axes]
    assert titles == ["prompt"]


def test_rates_latencies_and_boxes_are_drawn():
    drawn = pictures(found())
    generation, prompt = drawn["rates"].axes
    assert [p.get_height() for p in generation.patches] == [2.0, 2.0]  # 8 tokens in 4 s
    assert [p.get_height() for p in prompt.patches] == [2.0, 2.0]  # 4 tokens in 2 s
    bars = drawn["latencies"].axes[0].patches
    assert [(b.get_x(), b.get_height()) for b in bars] == [(0.1, 13), (0.4, 4)]
    boxes = drawn["boxes"].axes[0]
    assert [b.get_width() for b in boxes.patches] == [80.0, 12.5]
    assert [t.get_text() for t in boxes.texts] == ["80.0 %", "12.5 %"]


def test_what_is_missing_is_said_and_not_drawn():
    energy = dict.fromkeys(found()["energy"]) | {"refused": ["pass 1: a gap"], "tokens": 13}
    empty = found(partial="port gone", energy=energy, passes=[], boxes={}, idle=None,
                  meter={"name": "fake:meter", "failure": "x", "samples": 0, "points": []})
    assert pictures(empty) == {}
    text = Reader(page(empty)).text
    assert "partial: port gone" in text and "no energy: pass 1: a gap" in text
    assert Reader(page(found(meter=None, energy=None))).text.count("fake:meter") == 0


def test_lines_for_people_name_how_each_group_was_obtained():
    said = lines(found())
    assert said[0] == ("m on /dev/x (board, preset tiny): 4 tokens of prompt, 9 tokens, "
                       "2 of 2 passes")
    assert said[1] == "measured, by the clock:"
    assert said[2] == "  generation                   1,234 (1,000 to 1,500) tokens/s"
    assert said[-1] == ("energy is divided by the 12 steps of a pass: tokens of the prompt but its "
                        "last, and the tokens written")


@pytest.mark.parametrize("median, most, unit, text", [
    (0.0, 0.0, "W", "0 W"), (0.25, 0.25, "W", "250 mW"), (1.0, 1.2345678, "W", "1 (1 to 1.235) W"),
    (-0.02, -0.01, "W", "-20 (-20 to -10) mW"), (3e-11, 3e-11, "J", "0.03 nJ"),
    (0.5, 0.5, "tokens/s", "0.5 tokens/s")])
def test_numbers_have_four_digits_and_one_prefix(median, most, unit, text):
    assert ranged({"median": median, "least": median, "most": most}, unit) == text


def test_a_long_recording_is_thinned_by_averages():
    import numpy as np
    t, watts = np.arange(10.0), np.array([1.0, 3.0] * 5)
    assert thin(t, watts, 5) == [[0.5, 2], [2.5, 2], [4.5, 2], [6.5, 2], [8.5, 2]]
    assert thin(t, watts, 10)[3] == [3.0, 3.0] and thin(t[:0], watts[:0]) == []
