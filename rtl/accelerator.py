"""The machine between memory and link: a whole token, embedding to sample."""

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.config import ConfigError
from ..common.counters import COUNTER_BITS, COUNTERS
from .embedder import Embedder
from .interfaces import MachineSignature, MemorySignature
from .normaliser import Normaliser
from .quantiser import Quantiser
from .reset_chain import ResetChain
from .resident_decoder import ResidentDecoder
from .results import Results
from .sampler import Sampler
from .scalar_unit import ScalarUnit
from .scale import Scale
from .sequencer import Sequencer
from .signatures import Signatures
from .skid_buffer import SkidBuffer
from .stream_buffer import StreamBuffer
from .table_array import TableArray
from .tape_decoder import TapeDecoder
from .tape_reader import TapeReader
from .ternary_array import TernaryArray
from .wide_sampler import WideSampler

ARRAYS = {"adders": TernaryArray, "tables": TableArray}


class Accelerator(Component):
    """Runs the model of the tape in `memory`, or the one that is built in.

    Parameters
    ----------
    config : Config
    contents : compiler.resident.Contents
        The model of a Config whose `weights` are "resident".

    Members
    -------
    control : In(MachineSignature)
        From the link.
    memory : Out(MemorySignature)
        Reads only; unused by a resident model.
    """

    def __init__(self, config, contents=None):
        self.config, self.contents = config, contents
        if (config.weights == "resident") != (contents is not None):
            raise ConfigError(f"Config {config.name!r} has {config.weights} weights: "
                              f"{'a model must' if contents is None else 'no model can'} be built "
                              "in")
        super().__init__({"control": In(MachineSignature()),
                          "memory": Out(MemorySignature(config))})

    def elaborate(self, platform):
        m = Module()
        self._build_boxes(m)
        self._connect_tape(m)
        self._connect_vectors(m)
        self._connect_tokens(m)
        self._build_counters(m)
        if self.config.signatures:
            self._build_signatures(m)
        return m

    def _build_boxes(self, m):
        config = self.config
        self.sequencer = Sequencer(config)
        if self.contents is None:
            self.reader, self.decoder = TapeReader(config), TapeDecoder(config)
            self.sampler = Sampler(config)
        else:
            self.decoder = ResidentDecoder(config, self.contents)
            self.sampler = WideSampler(config, self.contents.vocabulary)
            m.d.comb += self.sampler.begin.eq(self.sequencer.start & self.sequencer.sampling)
        self.embedder = Embedder(config)
        self.normaliser = Normaliser(config)
        self.scalars = ScalarUnit(config)
        self.quantiser = Quantiser(config)
        self.array = ARRAYS[config.array](config)
        self.scale = Scale(config)
        self.results = Results(config)
        boxes = ["results", "scale", "array", "quantiser", "normaliser", "scalars", "sampler",
                 "embedder", "decoder", *["reader"] * (self.contents is None), "sequencer"]
        resets = ResetChain(m, len(boxes))
        for name in boxes:
            resets.add(name, getattr(self, name))

    def _join(self, m, name, source, sink, kind=StreamBuffer, *, resident=True):
        """Connects two streams through a box of the given kind, where `ready` would come from far
        away; a resident machine without `resident` has none there."""
        if self.contents is not None and not resident:
            connect(m, source, sink)
            return
        m.submodules[f"{name}_buffer"] = box = kind(source.payload.shape())
        setattr(self, f"{name}_buffer", box)
        connect(m, source, box.i)
        connect(m, box.o, sink)

    def _connect_tape(self, m):
        """Memory -> words -> commands, gains, trits."""
        decoder = self.decoder
        if self.contents is None:
            connect(m, self.reader.memory, flipped(self.memory))
            connect(m, self.reader.words, decoder.words)
        self._join(m, "read", self.sequencer.reads,
                   decoder.reads if self.contents else self.reader.spans, resident=False)
        self._join(m, "span", self.sequencer.spans, decoder.spans, resident=False)
        self._join(m, "field", decoder.fields, self.sequencer.fields)
        connect(m, decoder.embeddings, self.embedder.embeddings)
        connect(m, decoder.norms, self.normaliser.norms)
        self._join(m, "constant", decoder.constants, self.scalars.constants, SkidBuffer)
        connect(m, decoder.matrices, self.array.matrices)
        self._join(m, "pair", decoder.pairs, self.normaliser.pairs, resident=False)
        self._join(m, "trit", decoder.trits, self.array.trits, resident=False)
        m.d.comb += [decoder.written.eq(self.results.written),
                     decoder.settled.eq(self.embedder.settled),
                     self.sequencer.idle.eq(decoder.idle & (
                         ~self.span_buffer.o.valid if self.contents is None else 1))]

    def _connect_vectors(self, m):
        """Vectors -> codes -> sums -> vectors."""
        normaliser, results, embedder = self.normaliser, self.results, self.embedder
        connect(m, normaliser.v, self.quantiser.v)
        connect(m, normaliser.summaries, self.scalars.summaries)
        connect(m, normaliser.floors, results.floors)
        connect(m, self.scalars.jobs, self.quantiser.jobs)
        self._join(m, "factor", self.scalars.scales, self.scale.scales)
        connect(m, self.quantiser.codes, self.array.codes)
        self._join(m, "sum", self.array.sums, self.scale.sums, resident=False)
        self._join(m, "scaled", self.scale.scaled, results.scaled)
        connect(m, results.logits, self.sampler.logits)
        m.d.comb += [
            results.address.eq(normaliser.address), results.source.eq(normaliser.source),
            normaliser.x.eq(results.x), normaliser.bits.eq(results.bits),
            self.scalars.energy.eq(results.energy),
            results.embedding_write.eq(embedder.write), results.embedding_x.eq(embedder.x),
            results.embedding_first.eq(embedder.first),
            results.embedding_address.eq(embedder.address),
        ]

    def _connect_tokens(self, m):
        """Link, sequencer and sampler."""
        control, sequencer, sampler = self.control, self.sequencer, self.sampler
        connect(m, flipped(control.prompt), sequencer.prompt)
        connect(m, sequencer.tokens, flipped(control.tokens))
        connect(m, sampler.token, sequencer.sampled)
        m.d.comb += [
            sequencer.generate.eq(control.generate), sequencer.cancel.eq(control.cancel),
            sequencer.load_model.eq(control.load_model),
            sequencer.reset_state.eq(control.reset_state), control.status.eq(sequencer.status),
            control.model.eq(sequencer.model),
            sampler.temperature.eq(control.temperature), sampler.seed.eq(control.seed),
            sampler.reseed.eq(control.reseed), sampler.vocabulary.eq(sequencer.vocabulary),
            self.embedder.start.eq(sequencer.start), self.results.start.eq(sequencer.start),
            self.embedder.hidden.eq(sequencer.hidden),
            self.embedder.shift.eq(sequencer.embedding_shift),
            self.results.fresh.eq(sequencer.fresh),
        ]

    def _build_counters(self, m):
        sequencer, normaliser, codes = self.sequencer, self.normaliser, self.quantiser.codes
        events = {
            "clocks": sequencer.sampling, "tokens": sequencer.drawn,
            "prompt_clocks": sequencer.reading, "prompt_tokens": sequencer.read,
            "memory_words": self.memory.words.valid, "memory_stall": self.decoder.starved,
            "array_busy": self.array.busy, "array_wait_codes": self.array.waiting,
            "normalise_busy": normaliser.pairs.valid & normaliser.pairs.ready,
            "quantise_busy": codes.valid & codes.ready, "results_busy": self.results.busy,
            "sampler_busy": self.sampler.busy,
            "link_stall": sequencer.tokens.valid & ~sequencer.tokens.ready,
        }
        clear = Signal(init=1)  # also by a reset
        m.d.sync += clear.eq(self.control.clear_counters)
        for position, name in enumerate(COUNTERS):
            happened = Signal(name=f"{name}_now")
            m.d.sync += happened.eq(events[name])
            counter = Signal(COUNTER_BITS, name=f"{name}_count", reset_less=True)
            m.d.comb += self.control.counters[position].eq(counter)
            with m.If(happened):
                m.d.sync += counter.eq(counter + 1)
            with m.If(clear):
                m.d.sync += counter.eq(0)

    def _build_signatures(self, m):
        """Of what goes from box to box; `taps` in the order of the diagram."""
        decoder, normaliser, scalars = self.decoder, self.normaliser, self.scalars
        embedder, quantiser, writes = self.embedder, self.quantiser, self.results.writes

        def tap(stream, payload=None):
            payload = stream.payload if payload is None else payload
            return stream.valid & stream.ready, Value.cast(payload)

        nothing = Const(0), Const(0, 1)
        streamed = self.contents is None
        m.submodules.signatures = signatures = Signatures({
            "words": tap(self.reader.words) if streamed else nothing,
            "pairs": tap(decoder.pairs),
            # As wide as the array out of block RAM: the sums say as much, for fewer wires.
            "trits": tap(decoder.trits) if streamed else nothing,
            "embedding": (embedder.write, Value.cast(embedder.x)),
            "floors": tap(normaliser.floors, normaliser.floors.payload["values"]),
            "v": tap(normaliser.v, normaliser.v.payload["values"]),
            "summaries": tap(normaliser.summaries), "jobs": tap(scalars.jobs),
            "codes": tap(quantiser.codes, quantiser.codes.payload.codes),
            "scales": tap(scalars.scales),
            "sums": tap(self.array.sums, self.array.sums.payload["values"]),
            "scaled": tap(self.scale.scaled, self.scale.scaled.payload["values"]),
            **{name: (writes[name].valid, Value.cast(writes[name].x))
               for name in ("state", "candidate", "product", "residual")},
            "logits": tap(self.results.logits, self.results.logits.payload["values"]),
            "token": tap(self.sampler.token),
        })
        m.d.comb += [self.control.signatures.eq(signatures.signatures),
                     signatures.clear.eq(self.control.clear_signatures)]
