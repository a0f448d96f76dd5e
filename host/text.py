"""Text to token ids and back, as the tokens come."""

import json
from pathlib import Path

from tokenizers import Tokenizer

from ..common.errors import TritoneError

END_OF_TEXT = "<|endoftext|>"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # what an unfinished UTF-8 sequence decodes to
LONGEST_CHARACTER = 4  # bytes of UTF-8, so tokens at most


class TextError(TritoneError):
    """A model folder without a usable tokenizer, or a prompt it cannot encode."""


def load_tokenizer(model):
    """The tokenizers.Tokenizer of a model folder."""
    model = Path(model)
    if not model.is_dir():
        raise TextError(f"there is no model folder {model}")
    path = model / "tokenizer.json"
    if not path.is_file():
        raise TextError(f"the model folder {model} has no tokenizer.json")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise TextError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def encode_prompt(tokenizer, prompt, vocabulary=None):
    """Token ids of a prompt, with the tokenizer's special tokens.

    Raises
    ------
    TextError
        The prompt itself has no token, or an id is not below `vocabulary`.
    """
    try:
        encoding = tokenizer.encode(prompt, add_special_tokens=False)
    except (UnicodeError, TypeError) as error:  # a lone surrogate: bytes that are no text
        raise TextError("the prompt is not valid UTF-8 text") from error
    if not encoding.ids:
        raise TextError("the prompt has no tokens")
    ids = tokenizer.encode(prompt).ids
    for token in ids:
        if vocabulary is not None and token >= vocabulary:
            raise TextError(f"token id {token} of the prompt is out of range: the model has "
                            f"{vocabulary} tokens")
    return ids


def end_of_text(tokenizer, model):
    """Ids that end a text: those of config.json's eos_token_id and of END_OF_TEXT."""
    try:
        named = json.loads((Path(model) / "config.json").read_text()).get("eos_token_id")
    except (OSError, ValueError, AttributeError):
        named = None  # the compiler complains about config.json, if anyone does
    ids = set(named if isinstance(named, list) else [named])
    ids.add(tokenizer.token_to_id(END_OF_TEXT))
    return ids - {None}


class Detokeniser:
    """Pieces of text for tokens that come one by one.

    A piece is held back while it ends inside a character. Decoding starts some tokens back, since
    many tokenizers write a token differently at the start of a text.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    context : sequence of int
        Tokens before the first, whose text is not repeated.
    """

    def __init__(self, tokenizer, context=()):
        self._tokenizer = tokenizer
        self._shown = list(context)[-LONGEST_CHARACTER:]  # tokens whose text has been given
        self._held = []

    def feed(self, token):
        """The text that `token` completes; often one word, empty inside a character."""
        self._held.append(token)
        return self._take(whole=len(self._held) <= LONGEST_CHARACTER)

    def flush(self):
        """The text of what is still held."""
        return self._take(whole=False)

    def _take(self, whole):
        before = self._tokenizer.decode(self._shown)
        text = self._tokenizer.decode(self._shown + self._held)[len(before):]
        if whole and text.endswith(REPLACEMENT):
            return ""
        self._shown, self._held = (self._shown + self._held)[-LONGEST_CHARACTER:], []
        return text


def name_size(octets):
    """A number of bytes for people, in the unit that leaves at most four digits."""
    for unit in ("bytes", "KiB", "MiB"):
        if octets < 10_000 or unit == "MiB":
            return f"{octets:,.4g} {unit}"
        octets /= 1024
