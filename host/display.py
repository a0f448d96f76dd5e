"""Text and progress on a terminal."""

import sys
import time

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

REFRESHES_A_SECOND = 8


def split_lines(text, width):
    """Lines of `text` that will not change when it grows, and the rest; wrapped at words."""
    *lines, rest = text.split("\n")
    wrapped = []
    for last, line in [*((False, line) for line in lines), (True, rest)]:
        while cell_len(line) > width:
            cut = len(line)
            while cell_len(line[:cut]) > width:
                cut -= 1
            space = line.rfind(" ", 0, cut + 1)
            wrapped.append(line[:space] if space > 0 else line[:cut])
            line = line[space + 1:] if space > 0 else line[cut:]
        if last:
            return wrapped, line
        wrapped.append(line)


class Display:
    """Streams text to standard output, with a line of progress below it on standard error.

    The line is shown on a terminal only, and gone at the end. Where both streams are the same
    terminal the text is written line by line above it.

    Parameters
    ----------
    total : int
        Tokens to come.
    source : str
        Where the figures come from.
    text : bool
        Whether to show the text at all.
    """

    def __init__(self, total, source, text=True):
        self._total, self._source, self._text = total, source, text
        self._console = Console(stderr=True)
        self._together = text and sys.stdout.isatty() and self._console.is_terminal
        self._rest, self._count, self._first = "", 0, None
        self._note, self._shown = "", False
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._render, console=self._console, transient=True,
                          refresh_per_second=REFRESHES_A_SECOND)

    def __enter__(self):
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_):
        if self._console.is_terminal:
            self._live.stop()
        if self._shown:
            sys.stdout.write(self._rest + "\n")
            sys.stdout.flush()

    def note(self, text):
        """What is being done before the first token."""
        self._note = text

    def show(self, piece):
        """Text to append."""
        if not self._text:
            return
        self._shown = True
        if self._together:
            lines, self._rest = split_lines(self._rest + piece, self._console.width)
            for line in lines:
                self._console.print(Text(line))
        else:
            sys.stdout.write(piece)
            sys.stdout.flush()

    def count(self):
        """One more token has come."""
        self._count += 1
        self._first = self._first or time.monotonic()

    def _render(self):
        self._spinner.update(text=Text(self._progress(), style="dim"))
        return Group(Text(self._rest), self._spinner) if self._rest else self._spinner

    def _progress(self):
        if not self._count:
            return self._note
        elapsed = time.monotonic() - self._first
        rate = f", {(self._count - 1) / elapsed:.1f} tokens/s by the wall clock" \
            if self._count > 1 and elapsed > 0 else ""
        return f"{self._count} of {self._total} tokens{rate} ({self._source})"
