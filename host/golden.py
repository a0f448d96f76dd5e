"""The golden model behind the interface of a board: same tokens, no gateware."""

from ..common.counters import COUNTERS
from ..model.golden import Golden
from ..model.integers import integer_model


class GoldenBoard:
    """Runs a checkpoint on model/golden.py; the counters that it cannot know stay 0.

    Parameters
    ----------
    model_dir : path
        A checkpoint; the tape given to `load` must come from it.
    config : Config
        What `identify` reports.
    """

    provenance = "golden"

    def __init__(self, model_dir, config):
        self.config, self.golden = config, Golden(integer_model(model_dir, config.formats))
        self.vocabulary = self.golden.model.shape.vocabulary
        self.state = self.golden.start()
        self._counters = dict.fromkeys(COUNTERS, 0)

    def identify(self):
        """What driver.Board.identify gives, as far as a model in NumPy has it."""
        return {"config": self.config, "counters": len(COUNTERS), "ready": True, "error": 0,
                "running": False, "busy": False, "session": 0}

    def reset(self):
        """Forget the recurrent state."""
        self.state = self.golden.start()

    def load(self, image, progress=None):
        """Nothing to load: returns 0 bytes written."""
        return 0

    def run(self, prompt, generate, temperature=0, seed=0, reset=True):
        """Iterator of `generate` tokens; arguments as driver.Board.run."""
        if reset:
            self.state = self.golden.start()
        self._counters.update(tokens=0, prompt_tokens=len(prompt) - 1)
        for token in self.golden.generate(prompt, generate, temperature=temperature, seed=seed,
                                          state=self.state):
            self._counters["tokens"] += 1
            yield token

    def counters(self):
        """Counters by name: tokens and prompt_tokens alone are counted."""
        return dict(self._counters)

    def close(self):
        """Nothing to release."""
