"""Draws the next token from the logits, a beat a clock."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .gumbel import STATE_BITS
from .interfaces import TOKEN_BITS
from .noise_queue import NoiseQueue


class WideSampler(wiring.Component):
    """token = argmax over n of logits[n] + temperature * gumbel(n), the first of equals.

    The twin of Sampler for machines whose logits come faster than one a clock: a beat is taken
    every clock, as far as NoiseQueue has the numbers. Latency: `latency` clocks from the last beat
    to the token. No beat is taken while a token is there or under way.

    Parameters
    ----------
    config : Config
    vocabulary : int
        Of the model that is built in: for so many logits the queue of noise is made.

    Members
    -------
    begin : In(1)
        Pulse at the start of a token that is sampled.
    logits, vocabulary, temperature, seed, reseed, token, busy
        As of Sampler; `temperature` held from `begin` on.
    """

    def __init__(self, config, vocabulary):
        formats = config.formats
        self.config, self.formats = config, formats
        self.levels = (config.vector - 1).bit_length()
        self.latency = 2 + self.levels
        self.noise = NoiseQueue(config, depth=-(-vocabulary // config.vector) + 2)
        self.beat_layout = data.StructLayout({
            "values": data.ArrayLayout(signed(formats.logit_bits), config.vector),
            "first": 1, "last": 1})
        super().__init__({
            "begin": In(1), "logits": In(stream.Signature(self.beat_layout)),
            "vocabulary": In(TOKEN_BITS), "temperature": In(formats.temperature_bits),
            "seed": In(STATE_BITS), "reseed": In(1),
            "token": Out(stream.Signature(unsigned(TOKEN_BITS))), "busy": Out(1),
        })

    def elaborate(self, _platform):
        m = Module()
        noise, vector = self.noise, self.config.vector
        m.submodules.noise = noise
        m.d.comb += [
            noise.begin.eq(self.begin), noise.vocabulary.eq(self.vocabulary),
            noise.temperature.eq(self.temperature), noise.seed.eq(self.seed),
            noise.reseed.eq(self.reseed),
        ]

        # Cycle 0: a beat and its noise.
        ending = Signal()  # from the last beat until its token is taken
        taken = Signal()
        left = Signal(TOKEN_BITS)  # logits from this beat on
        now = Signal(TOKEN_BITS)
        unfinished = Signal()
        m.d.comb += [
            self.logits.ready.eq(noise.o.valid & ~ending),
            taken.eq(self.logits.valid & self.logits.ready), noise.o.ready.eq(taken),
            now.eq(Mux(self.logits.payload.first, self.vocabulary, left)),
            self.busy.eq(unfinished | ending),
        ]
        with m.If(self.token.valid & self.token.ready):
            m.d.sync += ending.eq(0)
        with m.If(taken):
            m.d.sync += [left.eq(now - vector), ending.eq(self.logits.payload.last),
                         unfinished.eq(~self.logits.payload.last)]

        # Cycle 1: the scores.
        score = signed(max(self.formats.logit_bits, len(noise.o.payload[0])) + 1)
        best_layout = data.StructLayout({"counted": 1, "score": score,
                                         "place": range(max(vector, 2))})
        level = []
        for n in range(vector):
            item = Signal(best_layout, name=f"item_{n}")
            m.d.sync += [item.score.eq(self.logits.payload["values"][n] + noise.o.payload[n]),
                         item.counted.eq(now > n), item.place.eq(n)]
            level.append(item)
        flags = Signal(3)  # taken, first, last
        m.d.sync += flags.eq(taken | (self.logits.payload.first << 1)
                             | (self.logits.payload.last << 2))

        # Cycles 2 to 1 + levels: the best of the beat.
        for depth in range(self.levels):
            level = [self.better(m, level[n:n + 2], f"best_{depth}_{n}")
                     for n in range(0, len(level), 2)]
            later = Signal(3, name=f"flags_{depth}")
            m.d.sync += later.eq(flags)
            flags = later

        # Cycle 2 + levels: the best so far.
        best = Signal(score)
        choice = Signal(TOKEN_BITS)
        base = Signal(TOKEN_BITS)
        first = flags[1]
        with m.If(self.token.ready):
            m.d.sync += self.token.valid.eq(0)
        with m.If(flags[0]):
            m.d.sync += [base.eq(Mux(first, 0, base) + vector), self.token.valid.eq(flags[2])]
            with m.If(level[0].counted & (first | (level[0].score > best))):
                m.d.sync += [best.eq(level[0].score),
                             choice.eq(Mux(first, 0, base) + level[0].place)]
        m.d.comb += self.token.payload.eq(choice)
        return m

    def better(self, m, items, name):
        """The better of two items, registered; the left one if they are equal."""
        result = Signal(items[0].shape(), name=name)
        left, right = items[0], items[-1]
        m.d.sync += result.eq(left)
        with m.If(right.counted & (right.score > left.score)):
            m.d.sync += result.eq(right)
        return result
