"""What is wrong with a model folder, in one line."""

from ..common.errors import TritoneError


class CheckpointError(TritoneError):
    """A checkpoint that is missing something or contradicts itself."""


def one_line(error):
    """The text of a library's exception without its line breaks."""
    return " ".join(str(error).split())
