"""Tokens to text as they come."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tritone.host.display import split_lines
from tritone.host.text import (Detokeniser, TextError, encode_prompt, end_of_text,
                               load_tokenizer)

TEXTS = ["Once upon a time there was a fox.", "naïve café – 東京 🦊🦊 ok", "a\n\nb  c", "🦊"]


def byte_level():
    """Every byte is a token, so that every character beyond ASCII is split."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(["the fox the fox"], trainers.BpeTrainer(
        vocab_size=270, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"], show_progress=False))
    return tokenizer


def metaspace():
    """Words carry their space in front, as in the tokenizers of the released models."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=100, special_tokens=["<unk>"], show_progress=False))
    return tokenizer


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("context", ["", "He said: "])
def test_pieces_make_the_text_and_no_character_is_split(text, context):
    tokenizer = byte_level()
    words = Detokeniser(tokenizer, tokenizer.encode(context).ids)
    pieces = [words.feed(token) for token in tokenizer.encode(text).ids]
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)
    assert "".join(pieces) + words.flush() == text


def test_spaces_between_words_are_kept():
    tokenizer = metaspace()
    ids = tokenizer.encode(TEXTS[0]).ids
    words = Detokeniser(tokenizer, ids[:3])
    pieces = [words.feed(token) for token in ids[3:]]
    assert tokenizer.decode(ids[:3]) + "".join(pieces) + words.flush() == TEXTS[0]


def test_bytes_that_are_no_text_do_not_hold_up_the_rest():
    tokenizer = byte_level()
    fox = tokenizer.encode("🦊").ids
    words = Detokeniser(tokenizer)
    text = "".join(words.feed(token) for token in fox[:1] * 6 + tokenizer.encode("ok").ids)
    assert text.endswith("ok") and "\N{REPLACEMENT CHARACTER}" in text
    assert words.flush() == ""
    words.feed(fox[0])
    assert words.flush() == "\N{REPLACEMENT CHARACTER}"


def test_a_prompt_without_tokens_is_refused(tmp_path):
    tokenizer = byte_level()
    for prompt, message in (("", "no tokens"), ("\ud800", "UTF-8")):
        with pytest.raises(TextError, match=message):
            encode_prompt(tokenizer, prompt)
    with pytest.raises(TextError, match="out of range: the model has 2 tokens"):
        encode_prompt(tokenizer, "x", 2)
    assert encode_prompt(tokenizer, "x") == tokenizer.encode("x").ids


def test_special_tokens_alone_are_no_prompt():
    from tokenizers.processors import TemplateProcessing
    tokenizer = byte_level()
    tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    with pytest.raises(TextError, match="no tokens"):
        encode_prompt(tokenizer, "")
    assert encode_prompt(tokenizer, "x")[0] == 0


def test_the_end_of_text_is_found(tmp_path):
    tokenizer = byte_level()
    end = tokenizer.token_to_id("<|endoftext|>")
    assert end_of_text(tokenizer, tmp_path) == {end}
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 7}))
    assert end_of_text(tokenizer, tmp_path) == {end, 7}
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": [8, 9]}))
    assert end_of_text(tokenizer, tmp_path) == {end, 8, 9}


def test_a_folder_without_tokenizer_is_named(tmp_path):
    with pytest.raises(TextError, match="no model folder"):
        load_tokenizer(tmp_path / "absent")
    with pytest.raises(TextError, match="no tokenizer.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(TextError, match="cannot read .*tokenizer.json: "):
        load_tokenizer(tmp_path)


def test_lines_are_cut_at_words():
    assert split_lines("one two three", 20) == ([], "one two three")
    assert split_lines("one two three", 8) == (["one two"], "three")
    assert split_lines("one\ntwo", 8) == (["one"], "two")
    assert split_lines("x" * 10, 4) == (["xxxx", "xxxx"], "xx")
    assert split_lines("東京東京", 4) == (["東京"], "東京")
