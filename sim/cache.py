"""Results of slow steps, kept under build/ in folders named after what they were made from."""

import contextlib
import fcntl
import hashlib
import os
import shutil
from pathlib import Path


def build_root():
    """The folder for everything that can be made again: build/ of the source tree.

    TRITONE_BUILD names another one; an installed package without its tree uses the current folder.
    """
    if chosen := os.environ.get("TRITONE_BUILD"):
        return Path(chosen).resolve()
    tree = Path(__file__).resolve().parents[1]
    return (tree if (tree / "pyproject.toml").exists() else Path.cwd()) / "build"


def digest(*parts):
    """A name of 16 hexadecimal digits for the content of `parts` (bytes or anything with str)."""
    state = hashlib.sha256()
    for part in parts:
        part = part if isinstance(part, bytes) else str(part).encode()
        state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()[:16]


@contextlib.contextmanager
def locked(path):
    """Holds an exclusive lock on `path` between processes; the system drops it if we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached(folder, make):
    """Returns `folder`, made by `make(temporary folder)` unless it is there already.

    The folder appears under its name complete or not at all, and one process makes it while
    others that want the same one wait. When `make` fails its files stay in `folder`.failed.
    """
    folder = Path(folder)
    if folder.is_dir():
        return folder
    with locked(folder.with_suffix(".lock")):
        if folder.is_dir():
            return folder
        temporary = folder.with_suffix(".making")
        shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
        temporary.mkdir()
        try:
            make(temporary)
            temporary.rename(folder)
        except BaseException:
            failed = folder.with_suffix(".failed")
            shutil.rmtree(failed, ignore_errors=True)
            temporary.rename(failed)
            raise
    return folder
