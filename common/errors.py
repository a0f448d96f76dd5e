"""The error a person is shown: one line that says what, where, and what was expected."""


class TritoneError(Exception):
    """Base of every error that ends a command in one line and a non-zero exit."""
