"""The written folder: the released form, the same model, figures that were measured."""

import json

import pytest
import torch
from safetensors.torch import load_file

from tritone.train.data import END_ID
from tritone.train.export import licence, sources, load, save_model, scale_residual, settle
from tritone.train.presets import PRESETS


def released_shapes(d, layers, intermediate, pieces):
    shapes = {"model.embeddings.weight": (pieces, d), "model.lower_bounds": (layers, d),
              "model.norm.weight": (d,), "lm_head.weight": (pieces, d),
              "lm_head.norm.weight": (d,)}  # fmt: skip
    for n in range(layers):
        base = f"model.layers.{n}."
        shapes |= {base + name: (d,) for name in ("attn_norm.weight", "mlp_norm.weight",
                                                  "attn.g_norm.weight")}  # fmt: skip
        for name in "ifgo":
            shapes[f"{base}attn.{name}_proj.weight"] = (d, d)
            shapes[f"{base}attn.{name}_proj.norm.weight"] = (d,)
        shapes[base + "mlp.gate_proj.weight"] = (2 * intermediate, d)
        shapes[base + "mlp.gate_proj.norm.weight"] = (d,)
        shapes[base + "mlp.down_proj.weight"] = (d, intermediate)
        shapes[base + "mlp.down_proj.norm.weight"] = (intermediate,)
    return shapes


def test_keys_shapes_and_type_are_the_released_ones(finished, recipe):
    tensors = load_file(finished.out / "model.safetensors")
    expected = released_shapes(recipe.hidden, recipe.layers, recipe.intermediate, recipe.vocabulary)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == expected
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}


def test_config_describes_the_model(finished, recipe):
    config = json.loads((finished.out / "config.json").read_text())
    assert config["model_type"] == "hgrn_bit"
    assert config["use_lower_bound"] is True
    assert config["hidden_size"] == recipe.hidden
    assert config["num_hidden_layers"] == recipe.layers
    assert config["intermediate_size"] == recipe.intermediate
    assert config["vocab_size"] == recipe.vocabulary
    assert config["bos_token_id"] == config["eos_token_id"] == END_ID
    assert config["rms_norm_eps"] == 1e-6


def test_stored_model_gives_the_trained_models_logits(finished, tmp_path):
    model = finished.trainer.model.eval()
    save_model(model, finished.tokenizer, tmp_path)
    reread, tokenizer = load(tmp_path)
    tokens = torch.tensor([tokenizer.encode("The big red ball").ids])
    with torch.no_grad():
        assert torch.equal(reread(tokens)[0], model(tokens)[0])


def test_unit_of_the_residual_changes_no_trit_and_hardly_a_logit(finished):
    model = finished.trainer.model.eval()
    settled = settle(model, finished.held_out, finished.stream)
    assert 16 <= finished.held_out.glance(settled)["residual"] < 32
    tokens = torch.from_numpy(finished.stream[None, :40].astype("int64"))
    with torch.no_grad():
        before = model(tokens)[0].argmax(-1)
        agree = (settled(tokens)[0].argmax(-1) == before).float().mean()
        scale_residual(settled, 2.0)
        again = (settled(tokens)[0].argmax(-1) == before).float().mean()
    assert min(agree, again) >= 0.9


def test_every_embedding_has_a_direction(finished):
    model, _ = load(finished.out)
    assert (model.model.embeddings.weight.abs().amax(1) > 0).all()


def test_figures_are_those_of_the_stored_model(finished):
    log = json.loads((finished.out / "training.json").read_text())
    model, _ = load(finished.out)
    assert finished.held_out.score(model).bits_a_byte == pytest.approx(
        log["final"]["bits_a_byte"], rel=1e-5
    )
    assert [point["step"] for point in log["curve"]] == [4, 6]
    assert set(log["maxima"]) == {"i", "f", "g", "h", "a", "b", "residual"}
    assert f"{log['final']['bits_a_byte']:.4f}" in (finished.out / "README.md").read_text()


@pytest.mark.parametrize("name, trits", [("stories-1m5", 1_409_024), ("stories-200k", 196_608)])
def test_presets_have_the_stated_number_of_trits(name, trits):
    r = PRESETS[name]
    mixer, unit = 4 * r.hidden**2, 3 * r.hidden * r.intermediate
    assert r.layers * (mixer + unit) + r.vocabulary * r.hidden == trits


def test_sources_name_what_a_licence_asks_for(tmp_path):
    text = tmp_path / "tales.txt"
    text.write_text("Once.\n")
    assert sources([text]) is None
    named = '[["en/1.md", "A Tall Man", "C. G.", "CC-BY"]]'
    (tmp_path / "tales_attribution.json").write_text(named)
    assert "| A Tall Man | C. G. | CC-BY | en/1.md |" in sources([text, tmp_path / "other.txt"])


def test_card_states_the_licence_of_each_text():
    words = licence(["tinystories_train.txt", "childrens_ccby.txt", "mine.txt"])
    assert [name in words for name in ("TinyStories", "SOURCES.md", "of mine.txt")] == [True] * 3
