"""`tritone oracle`: green for the true arithmetic, red for each way to get it wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints import write_checkpoint
from tritone.model.checkpoint import Checkpoint
from tritone.model.golden import Golden
from tritone.model.oracle import examine, main
from tritone.model.reference import (BitLinear, Reference, activation_codes, rmsnorm, sigmoid,
                                     silu)

ORACLE = Path(__file__).parents[1] / "data" / "oracle_h64"


class Twin(Reference):
    """The reference with its two gates as methods, for the controls to get wrong."""

    def output_gate(self, g, gain, state):
        return rmsnorm(g, gain) * silu(state)

    def channel_gate(self, a, b):
        return silu(a) * b

    def block(self, n, r, state):
        linear, gains = self.linear, self.gains
        x = rmsnorm(r, gains[n, "attn_norm"])
        i, f, g = (linear[n, f"attn.{name}"](x) for name in "ifg")
        f = self.floors[n] + (1 - self.floors[n]) * sigmoid(f)
        state = f * state + silu(i) * (1 - f)
        r = r + linear[n, "attn.o"](self.output_gate(g, gains[n, "attn.g_norm"], state))
        a, b = np.split(linear[n, "mlp.gate"](rmsnorm(r, gains[n, "mlp_norm"])), 2, axis=-1)
        return r + linear[n, "mlp.down"](self.channel_gate(a, b)), state


class PrintedGate(Twin):
    """The output gate as the paper prints it: sigmoid(g) times the state."""

    def output_gate(self, g, gain, state):
        return sigmoid(g) * state


class SwappedOutputGate(Twin):
    def output_gate(self, g, gain, state):
        return rmsnorm(state, gain) * silu(g)


class SwappedChannelGate(Twin):
    def channel_gate(self, a, b):
        return a * silu(b)


class NoFloor(Reference):
    def __init__(self, source):
        super().__init__(source)
        self.floors = np.zeros_like(self.floors)


class Unnormed(BitLinear):
    def __call__(self, x):
        codes, scale = activation_codes(x)
        return codes @ self.trits.T * (self.mean / scale)


class Unrounded(BitLinear):
    def __call__(self, x):
        return rmsnorm(x, self.gain) @ self.trits.T * self.mean


def become(kind, linear):
    return kind(linear.trits, linear.mean, linear.gain)


class NoHeadNorm(Reference):
    def __init__(self, source):
        super().__init__(source)
        self.lm_head = become(Unnormed, self.lm_head)


class NoRounding(Reference):
    def __init__(self, source):
        super().__init__(source)
        self.linear = {key: become(Unrounded, linear) for key, linear in self.linear.items()}
        self.lm_head = become(Unrounded, self.lm_head)


CONTROLS = [PrintedGate, SwappedOutputGate, SwappedChannelGate, NoFloor, NoHeadNorm, NoRounding]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(ORACLE, tmp_path / "oracle")


def change(path, **arrays):
    """Writes an .npz again with some arrays replaced; None leaves one out."""
    before = dict(np.load(path))
    after = {k: v for k, v in (before | arrays).items() if v is not None}
    np.savez(path, **after)


def lines_of(capsys, folder, code):
    assert main([str(folder)]) == code
    out, err = capsys.readouterr()
    return out, err


@pytest.mark.parametrize("true", [Reference, Twin])
def test_the_true_arithmetic_passes(true):
    figures = examine(ORACLE, true)
    assert figures["passed"] and figures["failed"] == []
    ours = figures["float_reference"]
    for quantity in ("trits_equal", "codes_equal", "acc_equal", "argmax_agreement"):
        assert ours[quantity] == 1
    assert ours["max_logit_error"] < 1e-5 and ours["greedy_equal"] is True


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_fails(control):
    figures = examine(ORACLE, control)
    assert not figures["passed"]
    assert any(line.startswith("float_reference: blocks_equal") for line in figures["failed"])
    assert not any(line.startswith("golden") for line in figures["failed"])


def test_the_command_says_which_limit_is_missed(folder, capsys):
    recorded = np.load(folder / "ints.npz")["lm_head.act_q"]
    change(folder / "ints.npz", **{"lm_head.act_q": np.where(
        np.arange(recorded.size) < 5, recorded + 2, recorded)})
    out, err = lines_of(capsys, folder, 1)
    assert err == "" and "passed" not in out
    assert "FAILED  golden: max_code_difference" in out
    assert "FAILED  float_reference: codes_equal is 0.995888" in out  # 5 of 1,216


def test_one_wrong_accumulator_is_seen(folder):
    acc = np.load(folder / "ints.npz")["model.layers.1.mlp.down_proj.acc"].copy()
    acc[..., 7] += 1
    change(folder / "ints.npz", **{"model.layers.1.mlp.down_proj.acc": acc})
    figures = examine(folder)
    rows = sum(rows for rows, *_ in matrix_shapes())
    for side in ("float_reference", "golden"):
        assert figures[side]["acc_equal"] == pytest.approx(1 - 1 / rows)
        assert any(line.startswith(f"{side}: acc_equal") for line in figures["failed"])


def matrix_shapes():
    """64 x 2 with 256 inside and 128 tokens, as tests/data/README.md says."""
    return [(64, 64)] * 8 + [(512, 64)] * 2 + [(64, 256)] * 2 + [(128, 64)]


def test_a_wrong_trit_is_seen_and_spoils_no_accumulator(folder):
    recorded = np.load(folder / "ints.npz")
    trits = recorded["lm_head.ternary"].copy()
    trits[3, 5] = 1 if trits[3, 5] < 1 else 0
    acc = recorded["lm_head.acc"].copy()
    acc[..., 3] += 40  # as that trit would have it
    change(folder / "ints.npz", **{"lm_head.ternary": trits, "lm_head.acc": acc})
    count = sum(rows * columns for rows, columns in matrix_shapes())
    figures = examine(folder)
    for side in ("float_reference", "golden"):
        assert figures[side]["trits_equal"] == pytest.approx(1 - 1 / count, abs=1e-9)
        assert figures[side]["acc_equal"] == 1
    assert not figures["passed"]


def test_a_wrong_golden_model_fails(monkeypatch):
    monkeypatch.setattr(Golden, "mlp", lambda self, layer, r: r)
    figures = examine(ORACLE)
    assert [line for line in figures["failed"] if line.startswith("golden: argmax_agreement")]
    assert not [line for line in figures["failed"] if line.startswith("float_reference")]


def test_golden_codes_are_cut_not_rounded_fails(monkeypatch):
    monkeypatch.setattr(Golden, "quantise", lambda self, v, scales: v * 127 // np.abs(v).max())
    figures = examine(ORACLE)
    assert figures["golden"]["codes_equal"] < 0.6
    assert any(line.startswith("golden: codes_equal") for line in figures["failed"])


def test_a_flip_late_in_the_run_is_excused_and_a_shift_of_all_logits_is_not(folder):
    logits = np.load(folder / "ref.npz")["logits_step"].copy()
    hidden = np.load(folder / "ref.npz")["hidden_states"].copy()
    logits[:, -1] += np.linspace(0, 0.05, logits.shape[-1], dtype=np.float32)
    hidden[1:, :, -1] += np.float32(0.01)
    change(folder / "ref.npz", logits_step=logits, hidden_states=hidden)
    figures = examine(folder)
    assert figures["float_reference"]["tokens_without_flip"] == pytest.approx(11 / 12)
    assert figures["float_reference"]["max_logit_error"] > 0.01
    assert figures["passed"]
    change(folder / "ref.npz", logits_step=logits + np.float32(2e-5))
    missed = "\n".join(examine(folder)["failed"])
    assert "max_logit_error_without_flip" in missed


def test_json_has_every_figure_of_both_sides(capsys):
    assert main([str(ORACLE), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for side in ("float_reference", "golden"):
        assert {"trits_equal", "codes_equal", "acc_equal", "max_code_difference",
                "argmax_agreement", "mean_kl", "max_logit_error",
                "greedy_equal"} <= set(figures[side])
    assert figures["golden"]["argmax_agreement"] >= 0.95
    assert 0 < figures["golden"]["mean_kl"] < 2e-3


def in_bfloat16(folder, target):
    """The oracle's checkpoint with its weights rounded to bf16, beside the same record."""
    checkpoint = Checkpoint(folder)

    def rounded(tensors):
        for key, tensor in tensors.items():
            tensors[key] = checkpoint.tensor(key).astype(tensor.dtype)

    write_checkpoint(target, checkpoint.shape, change=rounded, dtype="BF16", tokenizer=False)
    for name in ("ref.npz", "ints.npz"):
        shutil.copy(folder / name, target / name)
    return target


def test_a_bfloat16_model_is_held_to_float32_arithmetic(folder, tmp_path, capsys):
    """The recorded logits move no figure but the one that is about them."""
    target = in_bfloat16(folder, tmp_path / "half")
    before = examine(target)
    noise = np.random.default_rng(3).normal(0, 1, (1, 12, 128)).astype(np.float32)
    change(target / "ref.npz", logits_step=np.load(folder / "ref.npz")["logits_step"] + noise)
    after = examine(target)
    assert before["logits_compared_with"] == after["logits_compared_with"] == "float_reference"
    assert after["golden"] == before["golden"] and 0 < after["golden"]["mean_kl"] < 2e-3
    against = "float_reference_against_logits_step"
    assert before[against]["argmax_agreement"] > 0.6 > after[against]["argmax_agreement"]
    out, _ = lines_of(capsys, target, 1)
    assert "float32 arithmetic" in out and "FAILED  float_reference: block_error" in out


@pytest.mark.parametrize("control", [PrintedGate, SwappedChannelGate, NoFloor, NoHeadNorm])
def test_a_control_fails_on_a_bfloat16_model(folder, tmp_path, control):
    """What half precision hides is the rounding of activations and, here, a swish moved over."""
    limit = "float_reference: block_error"
    target = in_bfloat16(folder, tmp_path / "half")
    assert not any(line.startswith(limit) for line in examine(target)["failed"])
    assert any(line.startswith(limit) for line in examine(target, control)["failed"])


@pytest.mark.parametrize("file, arrays, message", [
    ("ref.npz", {"greedy": None}, "array greedy is missing"),
    ("ref.npz", {"logits_step": np.zeros((1, 11, 128), np.float32)},
     "array logits_step has shape [1, 11, 128]; expected shape [1, 12, 128]"),
    ("ref.npz", {"logits_step": np.full((1, 12, 128), np.nan, np.float32)}, "holds NaN"),
    ("ref.npz", {"input_ids": np.full((1, 12), 128)}, "holds 128 to 128; expected 0 to 127"),
    ("ref.npz", {"input_ids": np.zeros((1, 12))}, "holds float64; expected integers"),
    ("ref.npz", {"input_ids": np.zeros((0, 12), int)}, "has shape [0, 12]"),
    ("ref.npz", {"greedy": np.array([{}])}, "cannot be read"),
    ("ints.npz", {"lm_head.x": None}, "array lm_head.x is missing"),
    ("ints.npz", {"lm_head.acc": np.zeros(64, np.int32)}, "expected shape [128]"),
    ("ints.npz", {"model.layers.1.mlp.gate_proj.ternary": np.zeros((64, 512), np.int8)},
     "has shape [64, 512]; expected shape [512, 64]"),
])
def test_a_bad_record_gives_one_line(folder, capsys, file, arrays, message):
    change(folder / file, **arrays)
    out, err = lines_of(capsys, folder, 2)
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"error: {folder / file}: ") and message in err


@pytest.mark.parametrize("spoil, message", [
    (lambda path: path.unlink(), "missing; expected what the authors' code computed"),
    (lambda path: path.write_bytes(b"no zip"), "no .npz archive"),
    (lambda path: path.write_bytes(path.read_bytes()[:5000]), "no .npz archive"),
    (lambda path: np.save(path.open("wb"), np.zeros(3)), "no .npz archive"),
])
@pytest.mark.parametrize("file", ["ref.npz", "ints.npz"])
def test_a_broken_archive_gives_one_line(folder, capsys, file, spoil, message):
    spoil(folder / file)
    out, err = lines_of(capsys, folder, 2)
    assert out == "" and err.count("\n") == 1
    assert str(folder / file) in err and message in err


def test_a_folder_without_a_model_gives_one_line(tmp_path, capsys):
    _, err = lines_of(capsys, tmp_path, 2)
    assert err.count("\n") == 1 and "config.json" in err
