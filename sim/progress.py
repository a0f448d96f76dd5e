"""One line on standard error while a step takes longer than a person likes to wonder."""

import contextlib
import threading
import time

from rich.console import Console
from rich.markup import escape

PATIENCE_S = 2.0


@contextlib.contextmanager
def step(text, patience=PATIENCE_S, detail=lambda: ""):
    """Shows `text` with a spinner and the seconds, once the block has run for `patience` seconds,
    and behind them what `detail` says then.

    Without a terminal it is one plain line.
    """
    console = Console(stderr=True)
    begun = time.monotonic()
    status = console.status(text) if console.is_terminal else None
    done = threading.Event()

    def watch():
        if done.wait(patience):
            return
        if status is None:
            console.print(f"{text} ...", markup=False, highlight=False)
            return
        with status:
            while not done.wait(1):
                status.update(f"{text} ({time.monotonic() - begun:.0f} s) {escape(detail())}")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
