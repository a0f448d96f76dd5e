"""The error a person is shown: one line that says what, where, and what was expected."""

INTERRUPTED = 130  # exit code after Ctrl-C, as a shell reports SIGINT


class TritoneError(Exception):
    """Base of every error that ends a command in one line and a non-zero exit."""
