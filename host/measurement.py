"""The passes of a measurement, the idle time before them, and the meter beside them."""

import time

from .workload import check_same, run_pass

IDLE_MOST = 60.0  # seconds, unless more are asked for
LOOK = 0.1


class Measurement:
    """Fills itself as it goes, so that what is there remains when a board is lost.

    Parameters
    ----------
    workload : Workload
    repeats : int
        Passes that count; one more warms up before them.
    idle : float
        Least seconds of idle time.
    recorder : meters.recorder.Recorder or None

    Members
    -------
    warm_up : Pass or None
    idle_window : (start, end) or None
    passes : list of Pass
        Whole ones.
    began : float or None
        When the warm-up began.
    partial : str or None
        Why there are fewer passes than were asked for.
    """

    def __init__(self, workload, repeats, idle, recorder=None):
        self.workload, self.repeats, self.recorder = workload, repeats, recorder
        self._idle, self._told = idle, False
        self.warm_up = self.idle_window = self.began = self.partial = None
        self.passes = []

    def run(self, board, gauge):
        """All of it on a board that has its model; gauge : measure_display.Gauge."""
        self._start_meter(gauge)
        self.began = time.monotonic()
        self.warm_up = self._pass(board, gauge, "warming up")
        if self.recorder is not None and self.recorder.failure is None:
            self._rest(gauge)
        for number in range(1, self.repeats + 1):
            found = self._pass(board, gauge, f"pass {number} of {self.repeats}")
            check_same(self.warm_up, found, number)
            self.passes.append(found)

    def stop(self):
        """Ends the recording once it reaches the end of the last pass."""
        if self.recorder is not None and self.began is not None:
            last = self.passes[-1].end if self.passes else time.monotonic()
            self.recorder.stop(last)

    def _start_meter(self, gauge):
        if self.recorder is not None:
            gauge.stage(f"waiting for {self.recorder.name}")
            self.recorder.start()
            self._tell(gauge)

    def _tell(self, gauge):
        """Says once that the meter has failed."""
        if self.recorder is not None and self.recorder.failure and not self._told:
            gauge.say(f"{self.recorder.failure}; the run goes on without energy")
            self._told = True

    def _pass(self, board, gauge, text):
        gauge.stage(text, self.workload.tokens)
        found = run_pass(board, self.workload, gauge.count)
        self._tell(gauge)
        return found

    def _rest(self, gauge):
        """Idle time as long as a pass, within limits; over at once when the meter fails."""
        wanted = max(self._idle, min(self.warm_up.end - self.warm_up.start, IDLE_MOST))
        gauge.stage(f"idle for {wanted:.1f} s")
        start = time.monotonic()
        while (left := start + wanted - time.monotonic()) > 0 and not self.recorder.failure:
            time.sleep(min(left, LOOK))
        self.idle_window = start, time.monotonic()
