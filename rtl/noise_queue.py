"""Random numbers for the sampler, made while the layers of the token are computed."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, fifo, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.formats import DEFAULT
from .gumbel import STATE_BITS, Gumbel
from .interfaces import TOKEN_BITS
from .stream_buffer import StreamBuffer


def noise_places(formats):
    """Fraction bits of temperature times a variate that a logit does not have."""
    return formats.temperature_frac + formats.gumbel_frac - formats.logit_frac


def noise_shape(formats=DEFAULT):
    """Of temperature * variate, in units of a logit's least bit."""
    return signed(formats.gumbel_bits + formats.temperature_bits - noise_places(formats))


class NoiseQueue(Component):
    """temperature * gumbel(n) for each logit n of a token, `vector` of them a beat.

    They do not depend on the logits: one is made a clock from `begin` on, as far as the queue has
    room, so that for a vocabulary of up to `depth` beats none is waited for.

    Clocks: `begin` in clock t, nothing being made: the first beat is there in clock
    t + vector + LATENCY, the next ones `vector` clocks apart.

    Members
    -------
    begin : In(1)
        Pulse at the start of a token that is sampled; not before the numbers of the token before
        have all been taken.
    vocabulary : In(24)
        How many, at least 1. The last beat is filled with what has no meaning.
    temperature : In(temperature_bits)
        Held from `begin` until the last number is taken.
    seed, reseed : In(64), In(1)
        As of Gumbel.
    o : Out(stream of ArrayLayout(noise_shape, vector))
    """

    LATENCY = Gumbel.latency + 4 + StreamBuffer.LATENCY

    def __init__(self, config, depth=128):
        self.config, self.f, self.depth = config, config.formats, depth
        super().__init__({
            "begin": In(1), "vocabulary": In(TOKEN_BITS),
            "temperature": In(config.formats.temperature_bits),
            "seed": In(STATE_BITS), "reseed": In(1),
            "o": Out(stream.Signature(data.ArrayLayout(noise_shape(self.f), config.vector))),
        })

    def elaborate(self, _platform):
        m = Module()
        f, vector = self.f, self.config.vector
        m.submodules.gumbel = gumbel = Gumbel(f)
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(
            width=self.o.payload.shape().size, depth=self.depth)

        # Cycle 0: what is stepped; the steps of a beat only when the queue has room for it.
        left = Signal(TOKEN_BITS)
        place = Signal(vector, init=1)  # of the next number in its beat
        flight = Signal(range(self.depth + 1))  # beats made or in the queue
        room = Signal()
        step = Signal()
        closes = Signal()
        m.d.comb += [
            step.eq((left != 0) & (room | ~place[0])),
            closes.eq(step & (place[-1] | (left == 1))),
            gumbel.enable.eq(1), gumbel.step.eq(step),
            gumbel.seed.eq(self.seed), gumbel.reseed.eq(self.reseed),
        ]
        taken = self.o.valid & self.o.ready
        m.d.sync += [flight.eq(flight + closes - taken), room.eq(flight < self.depth - 1)]
        with m.If(step):
            m.d.sync += [left.eq(left - 1), place.eq(place.rotate_left(1))]
        with m.If(closes):
            m.d.sync += place.eq(1)
        with m.If(self.begin):
            m.d.sync += left.eq(self.vocabulary)

        # Cycles 1 to 8: the variate. Cycle 9: times temperature.
        delayed = Cat(place & step.replicate(vector), closes)
        for clock in range(Gumbel.latency + 1):
            later = Signal(vector + 1, name=f"place_{clock + 1}")
            m.d.sync += later.eq(delayed)
            delayed = later
        scaled = Signal(signed(f.gumbel_bits + f.temperature_bits))
        m.d.sync += scaled.eq(gumbel.o * self.temperature)

        # Cycle 10: to its place in the beat; cycle 11: into the queue.
        beat = Signal(self.o.payload.shape())
        complete = Signal()
        m.d.sync += complete.eq(delayed[-1])
        for n in range(vector):
            with m.If(delayed[n]):
                m.d.sync += beat[n].eq(scaled >> noise_places(f))
        m.d.comb += [
            queue.w_data.eq(beat), queue.w_en.eq(complete),
        ]
        # The queue is block RAM, far from who takes the beats.
        m.submodules.buffer = buffer = StreamBuffer(self.o.payload.shape())
        connect(m, buffer.o, flipped(self.o))
        m.d.comb += [buffer.i.payload.as_value().eq(queue.r_data),
                     buffer.i.valid.eq(queue.r_rdy), queue.r_en.eq(buffer.i.ready)]
        return m
