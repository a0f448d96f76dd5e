"""Draws the next token from the logits."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .gumbel import STATE_BITS, Gumbel
from .interfaces import TOKEN_BITS


class Sampler(wiring.Component):
    """token = argmax over n of logits[n] + temperature * gumbel(n), the first of equals.

    Logits of one beat are looked at one a clock, in order; so a beat is taken every `vector`
    clocks. After a last beat none is taken until its token has gone, so that nothing in here ever
    has to stand still: no enable runs through it.

    Latency: `latency` = vector + 13 clocks from the last beat to the token.

    Members
    -------
    logits : In(stream of {values: ArrayLayout(signed(logit_bits), vector), first, last})
        What is beyond `vocabulary` is ignored and draws no random number.
    vocabulary : In(24)
        How many logits there are, at least 1.
    temperature : In(unsigned(temperature_bits))
        `temperature_frac` fraction bits; 0 gives the greatest logit. Held while busy.
    seed, reseed : In(64), In(1)
        A pulse on `reseed` starts the random numbers of `seed`; only when not busy.
    token : Out(stream of unsigned(24))
        One for each `last`.
    busy : Out(1)
        From the first beat until the token is taken.
    """

    def __init__(self, config):
        formats = config.formats
        self.config, self.formats = config, formats
        self.beat_layout = data.StructLayout({
            "values": data.ArrayLayout(signed(formats.logit_bits), config.vector),
            "first": 1, "last": 1})
        super().__init__({
            "logits": In(stream.Signature(self.beat_layout)),
            "vocabulary": In(TOKEN_BITS),
            "temperature": In(formats.temperature_bits),
            "seed": In(STATE_BITS),
            "reseed": In(1),
            "token": Out(stream.Signature(unsigned(TOKEN_BITS))),
            "busy": Out(1),
        })

    @property
    def latency(self):
        """Clocks from the last beat taken to the token, when nothing stalls."""
        return self.config.vector + Gumbel.latency + 5

    def elaborate(self, _platform):
        m = Module()
        f, vector = self.formats, self.config.vector
        m.submodules.gumbel = gumbel = Gumbel(f)
        drawing = Signal()  # a last beat was taken, its token not
        m.d.comb += [
            gumbel.enable.eq(1),
            gumbel.seed.eq(self.seed),
            gumbel.reseed.eq(self.reseed),
        ]

        # Cycle 0: a beat. From cycle 1 on its logits, one by one; do they count?
        beat = Signal(self.beat_layout, reset_less=True)
        turns = Signal(vector)  # one bit for each logit that is still to come
        begin = Signal()  # the next one is the first of all
        index = Signal(TOKEN_BITS, reset_less=True)
        final = turns == 1
        m.d.comb += self.logits.ready.eq(((turns == 0) | final) & ~drawing)
        item_layout = data.StructLayout({"counted": 1, "first": 1, "last": 1})
        items = [Signal(item_layout, name=f"item_{k}") for k in range(Gumbel.latency + 3)]
        logits = [Signal(signed(f.logit_bits), name=f"logit_{k}", reset_less=True)
                  for k in range(len(items))]
        m.d.sync += [
            turns.eq(turns >> 1), begin.eq(0), index.eq(index + turns[0]),
            logits[0].eq(beat["values"][0]),
            items[0].counted.eq(turns[0] & (index < self.vocabulary)),
            items[0].first.eq(begin),
            items[0].last.eq(beat.last & final),
        ]
        m.d.sync += [beat["values"][k].eq(beat["values"][k + 1]) for k in range(vector - 1)]
        with m.If(self.logits.valid & self.logits.ready):
            m.d.sync += [beat.eq(self.logits.payload), turns.eq(~0),
                         begin.eq(self.logits.payload.first)]
            with m.If(self.logits.payload.first):
                m.d.sync += index.eq(0)

        # Cycle 2 to 9: the random numbers.
        m.d.comb += gumbel.step.eq(items[0].counted)
        m.d.sync += [later.eq(before) for row in (items, logits)
                     for before, later in pairwise(row)]

        # Cycle 10: times temperature. Cycle 11: plus logit.
        places = f.temperature_frac + f.gumbel_frac - f.logit_frac
        scaled = Signal(signed(f.gumbel_bits + f.temperature_bits), reset_less=True)
        score = Signal(signed(f.logit_bits + 1), reset_less=True)
        number = Signal(TOKEN_BITS, reset_less=True)
        m.d.sync += [
            scaled.eq(gumbel.o * self.temperature),
            score.eq(logits[-2] + (scaled >> places)),
        ]
        with m.If(items[-2].counted):
            m.d.sync += number.eq(number + 1)
        with m.If(items[-2].first):
            m.d.sync += number.eq(0)

        # Cycle 12: compare.
        best = Signal.like(score)
        choice = Signal(TOKEN_BITS, reset_less=True)
        valid = Signal()
        better = Signal()
        number_13 = Signal(TOKEN_BITS, reset_less=True)
        last = Signal()
        m.d.sync += [better.eq(0), number_13.eq(number), last.eq(items[-1].last)]
        with m.If(items[-1].counted & (items[-1].first | (score > best))):
            m.d.sync += [best.eq(score), better.eq(1)]

        # Cycle 13: keep.
        with m.If(better):
            m.d.sync += choice.eq(number_13)
        with m.If(last):
            m.d.sync += valid.eq(1)
        with m.Elif(self.token.ready):
            m.d.sync += valid.eq(0)
        with m.If(self.logits.valid & self.logits.ready & self.logits.payload.last):
            m.d.sync += drawing.eq(1)
        with m.Elif(valid & self.token.ready):
            m.d.sync += drawing.eq(0)
        m.d.comb += [self.token.valid.eq(valid), self.token.payload.eq(choice)]

        unfinished = Signal()  # a first beat was taken, its last one not
        with m.If(self.logits.valid & self.logits.ready):
            m.d.sync += unfinished.eq(~self.logits.payload.last)
        m.d.comb += self.busy.eq(unfinished | turns.any() | last | valid
                                 | Cat(item.last for item in items).any())
        return m
