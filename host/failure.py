"""What a check of the self-test found wrong."""


class Failure(Exception):
    """A check that failed: one line, and one that says what to try.

    figures : dict
        For --json, beside the line.
    """

    def __init__(self, line, advice, **figures):
        super().__init__(line)
        self.advice, self.figures = advice, figures
