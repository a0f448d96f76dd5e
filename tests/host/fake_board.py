"""A board for tests of `measure`, whose tokens and events are those of the test."""

import time
from types import SimpleNamespace

from test_text import byte_level

from tritone.common.counters import COUNTERS

PREDICTION = SimpleNamespace(token=64, prompt=8)
PROMPT = len(byte_level().encode("the fox").ids)
STEPS = 1  # of the prompt's two tokens; the last one samples the first of the text


class FakeBoard:
    """Samples tokens at a pace; `events` is called before each with (pass, token), and at the end
    of a pass with (pass, None)."""

    provenance = "board"

    def __init__(self, pace=0.0, events=lambda number, index: None, first=5):
        self.passes, self._pace, self._events, self._first = 0, pace, events, first
        self.loaded = False

    def load(self, image):
        self.loaded = True

    def run(self, prompt, generate, temperature, seed):
        assert self.loaded
        self.passes += 1
        for index in range(generate):
            self._events(self.passes, index)
            time.sleep(self._pace)
            yield self._first + index

    def counters(self):
        self._events(self.passes, None)
        return dict.fromkeys(COUNTERS, 0) | {"clocks": 640, "tokens": 10, "array_busy": 320}
