"""The self-test on the virtual board, whole and with faults planted in memory and expectation."""

import json
from types import SimpleNamespace

import pytest

from tritone.common.config import PRESETS, TINY, preset
from tritone.common.formats import COMPACT
from tritone.common.signatures import STREAMS
from tritone.compiler import selftest as record
from tritone.compiler.tape import compile_integers
from tritone.host import check_text, selftest
from tritone.host.march import March, name_bits

TINY_BOARD = ["--board", "virtual", "--preset", "tiny", "--json"]


def outcome(capsys, arguments, **fault):
    """(exit code, {check: result}) of a self-test."""
    options = selftest.parse([*TINY_BOARD, "--march-words", "64", *arguments])
    code = selftest.selftest(options, **fault)
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] == (code == 0) == all(c["passed"] for c in printed["checks"])
    return code, {check["check"]: check for check in printed["checks"]}


def test_a_board_without_fault_passes(capsys):
    code, checks = outcome(capsys, [])
    assert code == 0 and list(checks) == ["link", "memory", "blocks", "text"]
    assert checks["memory"]["words"] == 64
    assert checks["blocks"]["signatures"].keys() == STREAMS.keys()
    assert "Once upon a time" in checks["text"]["line"]


@pytest.mark.parametrize("fault, address, bits, advice", [
    ("stuck 21 17 1", 21, [17], "few words"), ("wire 9 0", 0, [9], "data pin"),
    ("short 3 4", 0, [3, 4], "data pin"), ("rise 7 60 40 13", 40, [13], "few words"),
    ("hold 50 2 11 30", 11, [30], "few words"), ("address 1 4", None, None, "address")])
def test_a_fault_of_the_memory_is_named_by_address_and_bits(capsys, fault, address, bits, advice):
    code, checks = outcome(capsys, ["--only", "memory"], fault=fault)
    memory = checks["memory"]
    assert code == 1 and advice in memory["advice"]
    if address is not None:
        assert memory["address"] == address and set(memory["bits"]) <= set(bits)
        assert memory["seen"] == bits
        assert f"address 0x{address:x}, {name_bits(memory['bits'])}:" in memory["line"]
    difference = int(memory["expected"], 16) ^ int(memory["found"], 16)
    assert difference == sum(1 << bit for bit in memory["bits"]) != 0


def test_the_link_is_not_trusted_with_a_memory_that_changes_bytes(capsys):
    code, checks = outcome(capsys, [], fault="wire 5 0")
    assert code == 1 and list(checks) == ["link"]
    assert "came back as" in checks["link"]["line"] and "memory" in checks["link"]["advice"]


def spoil(digits, *streams):
    """Signatures with these streams wrong."""
    return " ".join(f"{int(d, 16) ^ 1:08x}" if name in streams else d
                    for name, d in zip(STREAMS, digits.split()))


@pytest.mark.parametrize("probe, streams, box", [
    (2, ("candidate", "scaled"), "Scale"), (11, ("residual", "product"), "Glu"),
    (28, ("token",), "Sampler"), (None, ("logits", "token"), "Results")])
def test_the_box_before_the_first_wrong_stream_is_named(capsys, monkeypatch, probe, streams, box):
    wrong, (tape, _) = record.record(TINY), record.selftest_tape(TINY)
    everything = ("v", "codes", *streams)
    wrong["signatures"] = spoil(wrong["signatures"], *(everything if probe else streams))
    for n, (commands, _) in enumerate(record.probes(tape)):
        if probe and commands >= probe:
            spoiled = streams if commands == probe else everything
            wrong["probes"][n] = spoil(wrong["probes"][n], *spoiled)
    monkeypatch.setattr(record, "recorded", lambda config: (wrong, "planted"))
    code, checks = outcome(capsys, ["--only", "blocks"])
    where = f"in the first {probe} commands" if probe else "only in long runs"
    assert code == 1 and checks["blocks"]["line"].startswith(f"{box}: ")
    assert where in checks["blocks"]["line"]


def test_a_text_that_differs_is_named_by_its_first_token(capsys, monkeypatch):
    class Other(check_text.Golden):
        def generate(self, *arguments, **options):
            tokens = list(super().generate(*arguments, **options))
            return [*tokens[:5], tokens[5] ^ 1, *tokens[6:]]

    monkeypatch.setattr(check_text, "Golden", Other)
    code, checks = outcome(capsys, ["--only", "text"])
    assert code == 1 and "token 6 of 24" in checks["text"]["line"]


def test_lines_are_for_people(capsys):
    options = selftest.parse([*TINY_BOARD[:-1], "--march-words", "8", "--only", "memory"])
    assert selftest.selftest(options, fault="stuck 3 3 0") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("memory  FAILED address 0x3, bit 3: expected ")
    assert lines[1].split()[0] == "try" and lines[-1] == "FAIL: memory"


def test_a_silent_port_fails_in_time(silent_port, capsys, monkeypatch):
    monkeypatch.setattr(selftest, "TIMEOUT", 0.05)
    assert selftest.main(["--board", silent_port]) == 1
    output = capsys.readouterr().out
    assert "no answer to IDENTIFY" in output and "bringup.md" in output and "FAIL: link" in output


@pytest.mark.parametrize("arguments, message", [
    (["--board", "/dev/ttyNowhere"], "error: cannot open port /dev/ttyNowhere")])
def test_a_mistake_is_one_line(capsys, arguments, message):
    assert selftest.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(message) and len(error.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--march-words", "0"], ["--march-words", "-1"],
                                       ["--only", "luck"], ["--march-backgrounds", "many"]])
def test_a_bad_argument_is_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        selftest.parse(arguments)
    assert caught.value.code == 2 and len(capsys.readouterr().err.splitlines()) == 1


def test_bits_are_named_within_reason():
    assert [name_bits(list(range(n))) for n in (1, 2)] == ["bit 0", "bits 0, 1"]
    assert name_bits(list(range(40))).endswith("11 and 28 more")
    assert March(1, 1, 1, 0, 0, 5, 7, 0b1010, 0.1).bits == [1, 3]


# The record -----------------------------------------------------------------------------------

KNOWN = json.loads(record.RECORDS.read_text())


@pytest.mark.parametrize("name", ["tiny", "virtual"])
def test_the_record_is_what_the_golden_model_computes(name):
    config = PRESETS[name]
    assert KNOWN["streams"] == list(STREAMS)
    assert KNOWN["records"][record.key(config)] == record.record(config)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_with_a_memory_is_recorded(name):
    """If not: make record-selftest"""
    if (config := PRESETS[name]).memory_words:
        tape, _ = record.selftest_tape(config)
        assert KNOWN["records"][record.key(config)]["model_id"] == f"{tape.model_id:08x}"


@pytest.mark.parametrize("formats", ["fine", "compact"])
def test_the_model_reaches_every_limit(formats):
    """Saturations, both signs, a vector of zeros: what a fault of a limit would change."""
    tape, model = record.selftest_tape(preset("tiny", formats=formats))
    f, machine, seen = model.formats, record.Expected(tape, model), {}
    take = machine._vector

    def watch(name, queues, elements):
        queues[name], copy = iter(values := list(queues[name])), values[:elements]
        seen.setdefault(name, set()).update(copy)
        take(name, queues, elements)

    machine._vector = watch
    for prompt, *rest in record.RUNS:
        machine.run(prompt, *rest)
    limits = {"scaled": (f.value_bits, f.residual_bits, f.logit_bits), "codes": (8,),
              "product": (f.product_bits,), "residual": (f.residual_bits,),
              "logits": (f.logit_bits,)}
    for name, widths in limits.items():
        for bits in widths:
            limit = (1 << bits - 1) - 1
            assert {limit, -limit} <= seen[name], (name, bits)
    assert {0, (1 << f.floor_bits) - 1} <= seen["floors"]
    assert min(seen["state"]) < 0 < max(seen["state"])


def test_a_board_of_other_sizes_gets_its_record_on_the_way():
    config = preset("tiny", rows=8, formats=COMPACT)
    found, provenance = record.recorded(config)
    assert provenance == "computed now by the golden model" and len(found["probes"]) == 12
    assert record.recorded(TINY)[1] == "recorded from the golden model"


def test_short_runs_end_where_nothing_is_left_over():
    tape, model = record.selftest_tape(TINY)
    places = record.cuts(tape)
    assert places == [2, 4, 6, 8, 11, 13, 19, 21, 24, 26]
    order = compile_integers(model, TINY)
    assert record.cuts(SimpleNamespace(commands=order.commands))[0] == 6
