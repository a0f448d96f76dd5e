"""The token loop: which spans of memory are read for a token, and what happens to its result."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.tape import HEADER_FIELDS, MAGIC, VERSION, Header, HeaderError
from .interfaces import TOKEN_BITS, model_layout, prompt_layout, status_layout
from .pipeline import Multiplier
from .tape_decoder import SpanKind
from .tape_reader import SPAN_BITS, span_layout

FIELDS = list(Header.__dataclass_fields__)
KEPT = ("magic", "version", "model_id", "geometry", "formats", "hidden", "layers", "inner",
        "vocabulary", "embedding_start", "embedding_words", "embedding_shift", "body_start",
        "body_words", "token_words")


class Sequencer(Component):
    """Reads the header once, then one embedding and one run of the tape for each token.

    A prompt token that is not the last needs no logits: its run ends before the head. The token
    that the sampler draws is handed to the link and read as the next one.

    Members
    -------
    prompt : In(stream of {token, last}), tokens : Out(stream of token)
    generate, cancel, load_model, reset_state : In
        As in interfaces.MachineSignature.
    status, model : Out
    reads : Out(stream of {address, words})
        Spans for the TapeReader.
    spans : Out(stream of {kind, words})
        The same for the TapeDecoder.
    fields : In(stream of word_bits)
        Words of the header.
    sampled : In(stream of token)
    idle : In(1)
        The decoder has nothing in hand and every matrix is written.
    start : Out(1)
        Pulse at the start of a token.
    fresh : Out(1)
        The state counts as zero in this token.
    hidden, embedding_shift, vocabulary : Out
        Of the model.
    reading, sampling : Out(1)
        In each clock of a token read without or with sampling.
    read, drawn : Out(1)
        Pulse at the end of such a token.
    """

    def __init__(self, config):
        self.config = config
        span = data.StructLayout({"kind": SpanKind, "words": SPAN_BITS})
        super().__init__({
            "prompt": In(stream.Signature(prompt_layout)),
            "tokens": Out(stream.Signature(unsigned(TOKEN_BITS))),
            "generate": In(24), "cancel": In(1), "load_model": In(1), "reset_state": In(1),
            "status": Out(status_layout), "model": Out(model_layout),
            "reads": Out(stream.Signature(span_layout(config))),
            "spans": Out(stream.Signature(span)),
            "fields": In(stream.Signature(unsigned(config.word_bits))),
            "sampled": In(stream.Signature(unsigned(TOKEN_BITS))),
            "idle": In(1), "start": Out(1), "fresh": Out(1, init=1),
            "hidden": Out(16), "vocabulary": Out(TOKEN_BITS),
            "embedding_shift": Out(config.formats.embedding_shift_bits),
            "reading": Out(1), "sampling": Out(1), "read": Out(1), "drawn": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        self._build_header(m)
        self._build_loop(m)
        return m

    def _build_header(self, m):
        """Takes the header's words apart and judges them."""
        per_word = self.config.word_bits // 32
        words = -(-HEADER_FIELDS // per_word)
        self.header_words = words
        count = Signal(range(words + 1))
        self.header_read = Signal()
        m.d.comb += [self.fields.ready.eq(1), self.header_read.eq(count == words)]
        with m.If(self.fields.valid):
            m.d.sync += count.eq(count + 1)
        self.f = {}
        for name in KEPT:
            self.f[name] = field = Signal(32, name=f"header_{name}", reset_less=True)
            word, place = divmod(FIELDS.index(name), per_word)
            with m.If(self.fields.valid & (count == word)):
                m.d.sync += field.eq(self.fields.payload.word_select(place, 32))
        self.loading = Signal()
        with m.If(self.loading):
            m.d.sync += count.eq(0)
        # A layer's state begins a word of V elements.
        v = self.config.vector
        state_words = Signal(16)
        self.state = Signal(32, reset_less=True)
        m.d.sync += [state_words.eq((self.f["hidden"][:16] + (v - 1)) // v),
                     self.state.eq(self.f["layers"][:16] * state_words)]
        m.d.comb += [self.hidden.eq(self.f["hidden"]), self.vocabulary.eq(self.f["vocabulary"]),
                     self.model.id.eq(self.f["model_id"]),
                     self.model.vocabulary.eq(self.f["vocabulary"]),
                     self.embedding_shift.eq(self.f["embedding_shift"])]

    def _verdict(self, m):
        """HeaderError of the header, a clock after the size of the state is known."""
        f, config = self.f, self.config
        room = config.max_layers * (config.max_hidden // config.vector)
        large = ((f["hidden"] > config.max_hidden) | (f["inner"] > config.max_inner)
                 | (f["layers"][16:] != 0) | (self.state > room))
        faults = {HeaderError.MAGIC: f["magic"] != MAGIC,  # the first of them counts
                  HeaderError.VERSION: f["version"] != VERSION,
                  HeaderError.GEOMETRY: f["geometry"] != config.geometry,
                  HeaderError.FORMATS: f["formats"] != config.formats.crc,
                  HeaderError.SIZE: large}
        verdict = HeaderError.NONE
        for error, fault in reversed(faults.items()):
            found = Signal(name=f"bad_{error.name.lower()}")
            m.d.sync += found.eq(fault)
            verdict = Mux(found, error, verdict)
        return verdict

    def _build_loop(self, m):
        f, bits = self.f, self.config.address_bits
        token, sampled_token = (Signal(TOKEN_BITS, name=name, reset_less=True)
                                for name in ("token", "sampled_token"))
        last = Signal()  # of the prompt
        left = Signal(24)  # tokens still to be sampled
        some = Signal()  # left != 0
        final = Signal()  # left == 1 in the clock before
        m.d.sync += final.eq(left == 1)
        cancelled = Signal()
        sent = Signal(2)
        multiplied = Signal(Multiplier.LATENCY - 1)
        m.submodules.place = place = Multiplier(signed(TOKEN_BITS + 1), unsigned(16))
        row = Signal(bits, reset_less=True)  # address of the token's embedding
        m.d.comb += [place.advance.eq(1), place.x.eq(token), place.y.eq(f["embedding_words"])]
        m.d.sync += row.eq(f["embedding_start"] + place.product)
        judged = self._verdict(m)
        sampling = last & some
        tape_words = Signal(32, reset_less=True)  # long before it is asked for
        m.d.sync += tape_words.eq(Mux(sampling, f["token_words"], f["body_words"]))

        def span(kind, address, words, then):
            """Sends one span to reader and decoder, then goes on to state `then`."""
            m.d.comb += [
                self.reads.payload.address.eq(address), self.reads.payload.words.eq(words),
                self.spans.payload.kind.eq(kind), self.spans.payload.words.eq(words),
                self.reads.valid.eq(~sent[0]), self.spans.valid.eq(~sent[1])]
            now = Signal(2, name=f"sent_{kind.name.lower()}")
            m.d.comb += now.eq(sent | (self.reads.valid & self.reads.ready)
                               | (self.spans.valid & self.spans.ready) << 1)
            m.d.sync += sent.eq(now)
            with m.If(now.all()):
                m.d.sync += sent.eq(0)
                m.next = then

        with m.If(self.cancel):
            m.d.sync += cancelled.eq(1)
        with m.If(self.reset_state):
            m.d.sync += self.fresh.eq(1)
        reload = Signal()  # asked for while a header is being read, or a token is under way
        with m.If(self.load_model):
            m.d.sync += reload.eq(1)
        with m.FSM(name="state", init="START") as fsm:
            with m.State("START"):  # in reset nothing is offered (reset_chain.py)
                m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += self.loading.eq(1)
                m.d.sync += [self.status.ready.eq(0), self.status.error.eq(0),
                             reload.eq(self.load_model)]
                span(SpanKind.HEADER, 0, self.header_words, "HEADER")
            with m.State("HEADER"):
                with m.If(self.header_read):
                    m.next = "MEASURE"
            with m.State("MEASURE"):
                m.next = "COMPARE"  # now the size of the state is known
            with m.State("COMPARE"):
                m.next = "JUDGE"
            with m.State("JUDGE"):
                verdict = Signal(8)
                m.d.comb += verdict.eq(judged)
                with m.If(reload):
                    m.next = "LOAD"
                with m.Else():
                    m.d.sync += [self.status.error.eq(verdict),
                                 self.status.ready.eq(verdict == 0), self.fresh.eq(1)]
                    m.next = "IDLE"
            with m.State("IDLE"):
                m.d.sync += cancelled.eq(0)
                with m.If(self.load_model | reload):
                    m.next = "LOAD"
                with m.Elif(self.prompt.valid & self.status.ready):
                    m.d.sync += [left.eq(self.generate), some.eq(self.generate != 0)]
                    m.next = "PROMPT"
            with m.State("PROMPT"):
                m.d.comb += self.prompt.ready.eq(1)
                # Whatever is offered, which keeps `valid` out of the enables
                m.d.sync += [token.eq(self.prompt.payload.token),
                             last.eq(self.prompt.payload.last)]
                with m.If(self.prompt.valid):
                    with m.If(cancelled | self.cancel):
                        with m.If(self.prompt.payload.last):
                            m.next = "IDLE"
                    with m.Else():
                        m.next = "ADDRESS"
            with m.State("ADDRESS"):
                m.d.comb += self.start.eq(1)
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                m.d.sync += multiplied.eq(multiplied << 1 | 1)
                with m.If(multiplied.all()):
                    m.d.sync += multiplied.eq(0)
                    m.next = "EMBEDDING"
            with m.State("EMBEDDING"):
                span(SpanKind.EMBEDDING, row, f["embedding_words"], "COMMANDS")
            with m.State("COMMANDS"):
                span(SpanKind.COMMANDS, f["body_start"], tape_words, "RUN")
            with m.State("RUN"):
                m.d.comb += self.sampled.ready.eq(1)
                with m.If(Mux(sampling, self.sampled.valid, self.idle)):
                    m.d.sync += [self.fresh.eq(0), sampled_token.eq(self.sampled.payload)]
                    m.d.comb += [self.drawn.eq(sampling), self.read.eq(~sampling)]
                    with m.If(sampling):
                        m.next = "HAND OVER"
                    with m.Elif(last):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "PROMPT"
            with m.State("HAND OVER"):
                m.d.comb += [self.tokens.valid.eq(1), self.tokens.payload.eq(sampled_token)]
                m.d.sync += token.eq(sampled_token)
                with m.If(self.tokens.ready):
                    m.d.sync += [left.eq(left - 1), some.eq(~final)]
                    with m.If(final | cancelled | self.cancel):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "ADDRESS"
        active = Signal()
        m.d.comb += [
            active.eq(fsm.ongoing("ADDRESS") | fsm.ongoing("MULTIPLY")
                      | fsm.ongoing("EMBEDDING") | fsm.ongoing("COMMANDS") | fsm.ongoing("RUN")),
            self.sampling.eq(active & sampling), self.reading.eq(active & ~sampling),
            self.status.busy.eq(active | fsm.ongoing("PROMPT") | fsm.ongoing("HAND OVER")),
        ]
