"""Progress of a measurement on standard error."""

import time
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

plain = partial(TextColumn, markup=False)  # paths and resources may have [ and : in them
REFRESH = 0.1  # seconds between looks: showing a token must not hold the next one up


class Gauge:
    """A line with the stage, the tokens so far, their rate and what the meter says; shown on a
    terminal only, and gone at the end.

    Parameters
    ----------
    recorder : meters.recorder.Recorder or None
    """

    def __init__(self, recorder=None):
        self._recorder, self._console = recorder, Console(stderr=True)
        self._progress = Progress(
            plain("{task.description}"), BarColumn(), MofNCompleteColumn(),
            plain("{task.fields[rate]}"), plain("{task.fields[watts]}"), TimeElapsedColumn(),
            console=self._console, transient=True,
            disable=not self._console.is_terminal)
        self._task, self._count, self._next = None, 0, 0.0

    def __enter__(self):
        self._progress.start()
        return self

    def __exit__(self, *_):
        self._progress.stop()

    def stage(self, text, total=None):
        """What is being done, in so many tokens."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(text, total=total, rate="", watts=self._watts())
        self._count = 0

    def count(self):
        """One more token has come."""
        self._count += 1
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + REFRESH
        speed = self._progress.tasks[-1].speed
        rate = f"{speed:,.1f} tokens/s by this computer's clock" if speed else ""
        self._progress.update(self._task, completed=self._count, rate=rate, watts=self._watts())

    def say(self, text):
        """A line that stays."""
        self._console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def _watts(self):
        if self._recorder and self._recorder.failure:
            return "no meter"
        latest = self._recorder and self._recorder.latest
        return f"{latest.watts:.3f} W" if latest else ""
