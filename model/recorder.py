"""What each block of the golden model gives, as it gives it."""

from collections import defaultdict

from .golden import Golden


class Recorder(Golden):
    """A Golden for one stream of tokens that keeps the results of its blocks.

    Members
    -------
    log : dict
        Name in common.signatures.STREAMS -> flat list of integers, in the order of computation:
        `summaries` three a norm (largest, sum of squares, exponent), `jobs` and `scales` two,
        `floors` those of the norms that have some, all others one an element.
    """

    def __init__(self, model):
        super().__init__(model)
        self.log = defaultdict(list)

    def _keep(self, name, *values):
        for value in values:
            self.log[name] += value.reshape(-1).tolist()
        return values[0]

    def embedding(self, tokens):
        return self._keep("embedding", super().embedding(tokens))

    def normalise(self, x, norm, squares=None):
        v, *summary = super().normalise(x, norm, squares)
        self._keep("v", v)
        self._keep("summaries", *summary)
        if norm.floors is not None:
            self._keep("floors", norm.floors)
        return v, *summary

    def scalars(self, *arguments):
        scales = super().scalars(*arguments)
        self._keep("jobs", scales.code_shift, scales.reciprocal)
        self._keep("scales", scales.mantissa, scales.exponent)
        return scales

    def quantise(self, v, scales):
        return self._keep("codes", super().quantise(v, scales))

    def ternary_array(self, codes, trits):
        return self._keep("sums", super().ternary_array(codes, trits))

    def scale(self, *arguments):
        return self._keep("scaled", super().scale(*arguments))

    def silu(self, a):
        return self._keep("candidate", super().silu(a))

    def mlgru(self, *arguments):
        return self._keep("state", super().mlgru(*arguments))

    def gate(self, a, b):
        return self._keep("product", super().gate(a, b))

    def add(self, *arguments):
        return self._keep("residual", super().add(*arguments))

    def head(self, r):
        return self._keep("logits", super().head(r))
