"""Which of the shipped models a machine runs."""

from ..common.tape import TapeError
from ..compiler.tape import compile_model

MODELS = ("stories-200k", "stories-1m5")  # the smaller ones first


def fitting(folder, config):
    """(name, Tape) of each shipped model that the machine has room for, the smaller ones first."""
    for name in MODELS:
        try:
            yield name, compile_model(folder / name, config)
        except TapeError:
            continue


def choose(folder, config, identity):
    """(name, Tape) of the smallest that fits, or of that which is built in; (None, None) if there
    is none."""
    for name, tape in fitting(folder, config):
        if config.weights == "streamed" or tape.model_id == identity["model_id"]:
            return name, tape
    return None, None
