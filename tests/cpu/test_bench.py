"""The command: what it measures, what it writes, and what bad input gets."""

import json
import platform
from pathlib import Path

import numpy as np
import pytest
from checkpoints import shape_of

from tritone.cpu import (bench, check, compiler, machine, measure, page, random_model, report,
                         subject)
from tritone.cpu.energy import Rapl
from tritone.cpu.errors import CpuError
from tritone.model.golden import Golden

MODELS = Path(__file__).parents[2] / "models"
SMALL = ["--model", str(MODELS / "stories-200k"), "--seconds", "0.01"]


def failed(capsys, *arguments):
    """The one line that a run ends with."""
    assert bench.main(list(arguments)) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and len(captured.err.splitlines()) == 1
    assert not captured.out
    return captured.err


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """What one run wrote."""
    folder = tmp_path_factory.mktemp("kept")
    assert bench.main([*SMALL, "--threads", "2,1", "--out", str(folder), "--json"]) == 0
    return json.loads((folder / "stories-200k.json").read_text())


def test_a_run_says_everything(result):
    assert result["provenance"] == "measured" and result["formats"] == "fine"
    assert result["trits"] == 196_608 and result["compared"]["texts"] == 6
    which = "" if machine.usable_cores() == 2 else " --threads 1,2"
    assert result["command"] == \
        f"tritone bench-cpu --model models/stories-200k{which} --seconds 0.01"
    assert set(result["kernels"]) >= {"plain"}
    assert [run["threads"] for run in result["runs"]] == [1, 2]
    for run in result["runs"]:
        speed = run["tokens_per_second"]
        assert 0 < speed["least"] <= speed["median"] <= speed["most"]
        assert run["text_equals_golden"] is True and run["kernel"] in result["kernels"]
        assert run["products_per_second"]["median"] > 0 and run["trit_bytes"] >= 196_608 / 5
        assert run["energy"]["why"] or run["energy"]["joules_a_token"] > 0


def test_the_machine_has_no_name(result):
    text, known = json.dumps(result), result["machine"]
    assert known["processor"] and known["compiler"] and "-march=native" in known["flags"]
    assert known["cores"] >= known["usable_cores"] >= 1
    assert not platform.node() or platform.node() not in text
    assert str(Path.home()) + "/" not in text


def test_the_tables_have_what_was_measured(result):
    lines = report.markdown([result]).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in lines}
    assert cells["threads"] == ["1", "2 |"]
    fastest = result["runs"][0]["tokens_per_second"]["median"]
    assert cells["tokens/s"][0] in (f"{fastest:,.0f}", f"{fastest:.1f}")
    assert any(result["command"] in line for line in lines)


def test_the_fastest_board_stands_beside_the_processor(tmp_path, result):
    path = tmp_path / "roofline.json"
    entry = {"machine": "slow", "boards": ["slow"], "model": "stories-200k", "clock_hz": 1000,
             "clocks": 10.0}
    path.write_text(json.dumps([
        entry, entry | {"machine": "fast", "clocks": 0.5}, entry | {"model": "m", "clocks": 0.1},
        entry | {"boards": [], "clocks": 0.1}]))
    (line,) = report.beside([result], path)
    assert line.startswith("Beside it: stories-200k on fast, 2,000 tokens/s (simulated clocks")
    assert list(report.beside([result], tmp_path / "absent")) == []


def test_a_kernel_of_one_model_alone_has_its_column(result):
    other = result | {"kernels": {"new": 7.0}}
    assert any(line.startswith("| model | plain") and line.endswith("| new |")
               for line in report.markdown([result, other]).splitlines())


@pytest.fixture
def wrong_text(monkeypatch):
    """A golden model one of whose tokens is another."""
    class Wrong(Golden):
        def generate(self, prompt, count, **options):
            for n, token in enumerate(super().generate(prompt, count, **options)):
                yield token ^ (n == 17)

    monkeypatch.setattr(bench, "Golden", Wrong)


def test_nothing_is_measured_when_the_text_differs(wrong_text, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(measure, "speed", None)
    error = failed(capsys, *SMALL, "--out", str(tmp_path / "out"))
    assert "as number 17; the golden model" in error and "nothing was measured" in error
    assert not any((tmp_path / "out").iterdir())


def test_no_compiler_is_one_line(capsys, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    bench.library.cache_clear()
    error = failed(capsys, *SMALL)
    assert "no C compiler: cc, gcc, clang not found; install one with: sudo apt-get" in error


@pytest.mark.parametrize("named, message", [("absent-cc", "no C compiler: absent-cc not found"),
                                            ("true", "true did not compile the engine"),
                                            ("false", "is no C compiler")])
def test_a_wrong_compiler_is_one_line(capsys, monkeypatch, named, message):
    monkeypatch.setenv("CC", named)
    bench.library.cache_clear()
    assert message in failed(capsys, *SMALL)


def test_an_error_of_the_compiler_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(compiler, "FLAGS", [*compiler.FLAGS, "--no-such-flag"])
    bench.library.cache_clear()
    assert "did not compile the engine" in failed(capsys, *SMALL)


@pytest.mark.parametrize("arguments, message", [
    (["--model", "absent"], "there is no model folder absent"),
    ([*SMALL, "--kernel", "fastest"], "there is no kernel 'fastest' on this processor; there are")])
def test_a_mistake_is_one_line(capsys, arguments, message):
    assert message in failed(capsys, *arguments)


@pytest.mark.parametrize("arguments", [
    ["--threads", "0"], ["--threads", "many"], ["--threads", "1000000"], ["--seconds", "0"],
    ["--seconds", "nan"], ["--random", "7B"], ["--nonsense"]])
def test_a_bad_argument_is_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        bench.main(arguments)
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.startswith("error: ") and len(error.splitlines()) == 1


@pytest.mark.parametrize("arguments", [SMALL, ["--random", "2.7B"]])
def test_a_model_without_room_is_refused_before_it_starts(capsys, monkeypatch, arguments):
    monkeypatch.setattr(random_model, "available_bytes", lambda: 10**6)
    monkeypatch.setattr(bench, "Golden", None)
    assert "of memory are free" in failed(capsys, *arguments)


def test_a_vector_too_long_for_32_bits_is_refused(monkeypatch):
    monkeypatch.setattr("tritone.cpu.layout.MOST_INPUTS", 100)
    model = subject.shipped(MODELS / "stories-200k").model
    with pytest.raises(CpuError, match="sums of more than 100 may leave 32 bits"):
        bench.Packed(bench.library(model.formats), "plain", model)


def test_a_random_model_is_measured_without_a_text(capsys, monkeypatch):
    monkeypatch.setitem(random_model.SHAPES, "370M", shape_of())
    assert bench.main(["--random", "370M", "--seconds", "0.01", "--threads", "1", "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["model"] == "random-370M" and found["compared"] == {"texts": 2, "tokens_each": 6}
    which = "" if machine.usable_cores() == 1 else " --threads 1"
    assert found["command"] == f"tritone bench-cpu --random 370M{which} --seconds 0.01"


class Clockwork:
    """An engine that reads a token in 10 ms and samples one in 20 ms."""

    def generate(self, prompt, count, **_):
        steps = [0.01] * (len(prompt) - 1) + [0.02] * count
        return [7] * count, np.concatenate([[5.0], 5 + np.cumsum(steps)])


def test_prompt_and_generation_are_told_apart():
    found = measure.speed(Clockwork(), [1, 2, 3], 1.0, 0)
    for value in found["tokens_per_second"].values():
        assert value == pytest.approx(50)
    for value in found["prompt_tokens_per_second"].values():
        assert value == pytest.approx(100)
    assert found["latency_seconds"]["median"] == pytest.approx(0.02)


def test_a_repeat_is_as_long_as_asked():
    assert measure.length(0.001, 1.1) == 100
    assert measure.length(10, 1) == measure.SHORTEST
    assert measure.length(0, 1) == measure.LONGEST


RANGE = 1_000_000  # microjoules


def rapl_tree(root, packages):
    """A powercap tree of {number: microjoules}; beside the packages what their own counters have
    already, a subdomain of each, and what has them all, the whole computer."""
    there = [(f"intel-rapl:{number}{part}", name, micro) for number, micro in packages.items()
             for part, name in (("", f"package-{number}"), (":0", "core"))]
    for folder, name, micro in [*there, ("intel-rapl:9", "psys", 0)] if there else []:
        (root / folder).mkdir()
        for file, text in (("name", name), ("energy_uj", micro), ("max_energy_range_uj", RANGE)):
            (root / folder / file).write_text(f"{text}\n")


def test_energy_adds_packages_and_survives_a_wrap(tmp_path):
    rapl_tree(tmp_path, {0: 100, 1: RANGE - 100})

    def work():
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text("300100")
        (tmp_path / "intel-rapl:1" / "energy_uj").write_text("199900")
        (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("250000")
        (tmp_path / "intel-rapl:9" / "energy_uj").write_text("900000")

    joules, seconds = Rapl(tmp_path).joules(work)
    assert joules == pytest.approx(0.3 + 0.2) and seconds > 0


def test_energy_a_token_counts_the_prompt(tmp_path):
    rapl_tree(tmp_path, {0: 0})
    lengths = []

    class Busy(Clockwork):
        def generate(self, prompt, count, **options):
            lengths.append(count)
            (tmp_path / "intel-rapl:0" / "energy_uj").write_text("600000")
            return super().generate(prompt, count, **options)

    rapl = Rapl(tmp_path)
    assert rapl.seconds == pytest.approx(1e-3)  # a joule, at a thousand watts
    rapl.seconds = 2.0
    found = measure.energy(Busy(), rapl, [1, 2, 3], 10, 1.0, 0)
    assert found["joules_a_token"] == pytest.approx(0.6 / 12) and not found["why"]
    rapl.seconds = 0.5
    measure.energy(Busy(), rapl, [1, 2, 3], 10, 1.0, 0)
    assert lengths == [10, 5]


@pytest.mark.parametrize("there, why", [({}, "no RAPL counters"),
                                        ({0: "secret"}, "not readable")])
def test_without_counters_there_is_a_reason(tmp_path, there, why):
    rapl_tree(tmp_path, there)
    found = measure.energy(Clockwork(), Rapl(tmp_path), [1], 10, 1.0, 0)
    assert found["joules_a_token"] is None and why in found["why"]


def test_the_check_reads_every_token():
    class Engine:
        def generate(self, prompt, count, **_):
            return [1] * (count - 1) + [2], None

    with pytest.raises(CpuError, match="this one gave token 2 as number 4; the golden model 1"):
        check.check(Engine(), [check.Text([9], 0, [1] * 5)], "this one")


def test_a_page_without_results_says_how_to_get_them(tmp_path):
    with pytest.raises(CpuError, match="run make bench-cpu"):
        page.results(tmp_path)


def test_the_page_gets_the_table(result, tmp_path, monkeypatch, capsys):
    begin, end = page.MARKS
    (tmp_path / "cpu.md").write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    monkeypatch.setattr(page, "PAGE", tmp_path / "cpu.md")
    monkeypatch.setattr(page, "KEPT", tmp_path / "kept")
    assert page.main() == 1 and "run make bench-cpu" in capsys.readouterr().err
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "stories-200k.json").write_text(json.dumps(result))
    assert page.main() == 0
    text = (tmp_path / "cpu.md").read_text()
    assert text == f"before\n{begin}\n{report.markdown([result])}\n{end}\nafter\n"


def test_the_page_of_the_tree_has_the_marks():
    assert all(mark in page.PAGE.read_text() for mark in page.MARKS)


def test_the_page_begins_with_the_smallest_model(tmp_path):
    for name, trits in (("a", 300), ("b", 20), ("c", 100)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"model": name, "trits": trits}))
    assert [r["model"] for r in page.results(tmp_path)] == ["b", "c", "a"]


def test_the_system_has_a_release_and_nothing_of_its_vendor(monkeypatch):
    monkeypatch.setattr(platform, "release", lambda: "6.1.0-13-cloud-somebody")
    assert "somebody" not in machine.system() and "6.1.0" in machine.system()
