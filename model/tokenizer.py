"""The tokenizer of a model folder, held to the vocabulary of its config.json."""

from pathlib import Path

from tokenizers import Tokenizer

from .errors import CheckpointError, one_line

FILE = "tokenizer.json"


def check_tokenizer(folder, vocabulary):
    """Whether a folder has a tokenizer.json.

    Raises
    ------
    CheckpointError : it cannot be read, or it has other than `vocabulary` tokens
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return False
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        raise CheckpointError(f"{path}: not a tokenizer: {one_line(error)}") from None
    size = tokenizer.get_vocab_size()
    if size != vocabulary:
        raise CheckpointError(f"{path}: has {size} tokens; expected {vocabulary}, the vocab_size "
                              "of config.json beside it")
    return True
