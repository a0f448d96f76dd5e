"""Where a released model comes from: a folder, or a repository on Hugging Face."""

import re
from pathlib import Path

from .errors import CheckpointError, one_line
from .weights import PICKLES, refuse_pickle

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")  # owner/name
WANTED = ("*.json", "*.safetensors")  # never *.bin: docs/checkpoints.md


def download(repository):
    """Folder of a Hugging Face repository's JSON and safetensors, in the library's cache.

    Raises
    ------
    CheckpointError : it cannot be had: no network, no such repository, no access
    """
    from huggingface_hub import logging, snapshot_download  # slow to import, and only here
    logging.set_verbosity_error()  # what it would say of each attempt is in the error
    try:
        return Path(snapshot_download(repository, allow_patterns=list(WANTED)))
    except Exception as error:  # of the network, the file system or the library
        raise CheckpointError(f"{repository}: there is no such folder, and Hugging Face does not "
                              f"give it: {one_line(error)}") from None


def locate(source):
    """The folder that SOURCE of a command names; a folder comes before a repository's id."""
    path = Path(source)
    if path.is_dir():
        return path
    if path.exists():
        if any(path.match(pattern) for pattern in PICKLES):
            refuse_pickle(path)
        raise CheckpointError(f"{path}: is a file; expected a model folder")
    if REPOSITORY.fullmatch(str(source)):
        return download(str(source))
    raise CheckpointError(f"{source}: there is no such folder; expected one, or the id of a "
                          "Hugging Face repository, owner/name")
