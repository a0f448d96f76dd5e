"""Sequencer between a link, a reader and decoder that obey, and a sampler that draws at random."""

import random
from dataclasses import replace

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.tape import HEADER_FIELDS, Header, HeaderError
from ..rtl.sequencer import Sequencer
from ..rtl.tape_decoder import SpanKind
from .bench import machine
from .streams import StreamSink, StreamSource, parameters, start


def header_of(config, **changes):
    fields = dict(
        model_id=1, geometry=config.geometry, formats=config.formats.crc,
        hidden=config.max_hidden, layers=config.max_layers, inner=config.max_inner,
        vocabulary=300, embedding_start=32, embedding_words=7, embedding_shift=3,
        body_start=3000, body_words=500, token_words=620,
        image_words=3620, embedding_crc=2, body_crc=3, head_crc=4)
    return replace(Header(**fields), **changes)


class Surroundings:
    """What the Sequencer talks to. `spans` lists what it asked for, `draws` what was sampled.

    Reader and decoder have to be told the same. `idle` is low from an embedding's span on until
    the commands have been "run" for up to `patience` clocks.
    """

    def __init__(self, dut, *, header=None, stall=0, idle=0, seed=1, patience=20):
        self.dut, self.config = dut, machine(parameters())
        self.box = box = Sequencer(self.config)
        self.random, self.patience = random.Random(seed), patience
        self.header = header or header_of(self.config)
        self.patch = b""  # replaces the first bytes of the header
        for name in ("generate", "cancel", "load_model", "reset_state"):
            getattr(dut, name).value = 0
        dut.idle.value = 1
        self.prompt = StreamSource(dut, "prompt", box.prompt.payload.shape(), idle=idle)
        self.fields = StreamSource(dut, "fields", idle=idle)
        self.sampled = StreamSource(dut, "sampled", idle=idle)
        self.reads = StreamSink(dut, "reads", box.reads.payload.shape(), stall=stall)
        self.kinds = StreamSink(dut, "spans", box.spans.payload.shape(), stall=stall)
        self.tokens = StreamSink(dut, "tokens", stall=stall)
        self.spans, self.draws, self.fresh = [], [], []
        self.count = {name: 0 for name in ("reading", "sampling", "read", "drawn")}
        cocotb.start_soon(self._obey())
        cocotb.start_soon(self._watch())

    async def _obey(self):
        dut, size = self.dut, self.config.word_bytes
        while True:
            kind = await self.kinds.recv()
            dut.idle.value = int(kind["kind"] == SpanKind.HEADER.value)
            read = await self.reads.recv()
            assert read["words"] == kind["words"], "reader and decoder were told different lengths"
            self.spans.append((SpanKind(kind["kind"]).name, read["address"], read["words"]))
            if kind["kind"] == SpanKind.HEADER.value:
                data = self.header.pack()
                data = self.patch + data[len(self.patch):]
                data += bytes(-len(data) % size)
                self.fields.send(*(int.from_bytes(data[n:n + size], "little")
                                   for n in range(0, len(data), size)))
            elif kind["kind"] == SpanKind.COMMANDS.value:
                await ClockCycles(dut.clk, 1 + self.random.randrange(self.patience))
                if read["words"] == self.header.token_words:
                    self.draws.append(self.random.randrange(self.header.vocabulary))
                    self.sampled.send(self.draws[-1])
                    await self.sampled.drained()
                dut.idle.value = 1

    async def _watch(self):
        """Counts clocks and pulses; `fresh` holds from the start of a token to its end."""
        dut, held = self.dut, None
        while True:
            await RisingEdge(dut.clk)
            for name in self.count:
                self.count[name] += int(getattr(dut, name).value)
            if dut.start.value:
                held = int(dut.fresh.value)
                self.fresh.append(held)
            assert held is None or int(dut.fresh.value) == held, "fresh changed within a token"
            if dut.read.value or dut.drawn.value:
                held = None
            if dut.start.value:
                self.static = [int(getattr(dut, name).value)
                               for name in ("hidden", "embedding_shift", "vocabulary")]

    async def pulse(self, name):
        getattr(self.dut, name).value = 1
        await ClockCycles(self.dut.clk, 1)
        getattr(self.dut, name).value = 0

    def status(self):
        bits = int(self.dut.status.value)
        return {"ready": bits & 1, "busy": bits >> 1 & 1, "error": bits >> 2}

    async def loaded(self):
        await ClockCycles(self.dut.clk, 3)
        while not (self.status()["ready"] or self.status()["error"]):
            await RisingEdge(self.dut.clk)
        await ClockCycles(self.dut.clk, 2)
        return self.status()

    async def idle(self):
        """Not busy, the prompt being taken."""
        await self.prompt.drained()
        while self.status()["busy"]:
            await RisingEdge(self.dut.clk)
        await ClockCycles(self.dut.clk, 2)

    def send(self, prompt, generate):
        self.dut.generate.value = generate
        self.prompt.send(*({"token": token, "last": int(n == len(prompt) - 1)}
                           for n, token in enumerate(prompt)))

    def expected(self, tokens, samples):
        """Spans of a run that reads `tokens`, with logits for the last `samples` of them."""
        h, spans = self.header, []
        for n, token in enumerate(tokens):
            with_head = len(tokens) - n <= samples
            spans += [("EMBEDDING", h.embedding_start + token * h.embedding_words,
                       h.embedding_words),
                      ("COMMANDS", h.body_start, h.token_words if with_head else h.body_words)]
        return spans

    async def run(self, prompt, generate):
        """A whole run, checked."""
        before = len(self.draws), len(self.spans), dict(self.count)
        self.send(prompt, generate)
        tokens = await self.tokens.take(generate)
        await self.idle()
        draws = self.draws[before[0]:]
        assert tokens == draws, f"{tokens} were handed over, {draws} sampled"
        fed = prompt + draws[:-1] if generate else prompt
        assert self.spans[before[1]:] == self.expected(fed, generate)
        counted = {name: self.count[name] - before[2][name] for name in self.count}
        assert (counted["read"], counted["drawn"]) == (len(fed) - generate, generate)
        assert (counted["reading"] > 0, counted["sampling"] > 0) == (
            len(fed) > generate, generate > 0)
        await self.tokens.quiet(5)


PACES = [(0, 0), (0.6, 0), (0.4, 0.6)]


@cocotb.test
@cocotb.parametrize((("stall", "idle"), PACES))
async def runs_match(dut, stall, idle):
    await start(dut)
    around = Surroundings(dut, stall=stall, idle=idle, seed=71)
    assert await around.loaded() == {"ready": 1, "busy": 0, "error": 0}
    words = -(-4 * HEADER_FIELDS // around.config.word_bytes)
    assert around.spans == [("HEADER", 0, words)]
    for prompt, generate in (([5], 1), ([299], 0), ([7, 0, 299], 0), ([1, 2], 1), ([3], 6),
                             (list(range(9)), 4)):
        await around.run(prompt, generate)
        h = around.header
        assert around.static == [h.hidden, h.embedding_shift, h.vocabulary]
    assert around.fresh == [1] + [0] * (len(around.fresh) - 1), "fresh beyond the first token"


@cocotb.test
async def a_state_is_reset_when_asked(dut):
    await start(dut)
    around = Surroundings(dut, seed=72)
    await around.loaded()
    await around.run([1, 2], 2)
    await around.pulse("reset_state")
    await around.run([3, 4], 0)
    await around.pulse("load_model")
    await around.loaded()
    await around.run([5], 1)
    assert around.fresh == [1, 0, 0, 1, 0, 1]


BAD = {"magic": HeaderError.MAGIC, "version": HeaderError.VERSION, "rows": HeaderError.GEOMETRY,
       "inputs": HeaderError.GEOMETRY, "hidden": HeaderError.SIZE, "inner": HeaderError.SIZE,
       "layers": HeaderError.SIZE, "many_layers": HeaderError.SIZE, "state": HeaderError.SIZE,
       "formats": HeaderError.FORMATS}


def bad_header(config, what):
    good = header_of(config)
    return replace(good, **{
        "magic": {"magic": good.magic ^ 1 << 31}, "version": {"version": good.version + 1},
        "rows": {"geometry": good.geometry ^ 1}, "inputs": {"geometry": good.geometry ^ 1 << 31},
        "hidden": {"hidden": config.max_hidden + 1, "layers": 1},
        "inner": {"inner": config.max_inner + 1}, "layers": {"layers": config.max_layers + 1},
        "many_layers": {"layers": 1 << 16 | 1}, "formats": {"formats": good.formats ^ 1 << 31},
        # One element too many: every layer's state begins a word of its own.
        "state": {"hidden": config.max_hidden - config.vector + 1,
                  "layers": config.max_layers + 1}}[what])


@cocotb.test
@cocotb.parametrize(what=list(BAD))
async def a_bad_header_is_refused(dut, what):
    await start(dut)
    around = Surroundings(dut, seed=73)
    around.header = bad_header(around.config, what)
    assert await around.loaded() == {"ready": 0, "busy": 0, "error": BAD[what]}
    around.send([1], 1)
    await ClockCycles(dut.clk, 50)
    assert len(around.prompt.queue) == 1 and len(around.spans) == 1, "it runs a refused model"
    around.header = header_of(around.config, body_start=77, embedding_start=50, hidden=3, inner=4)
    await around.pulse("load_model")
    await ClockCycles(dut.clk, 2)
    assert around.status()["error"] == 0
    await around.tokens.take(1)
    assert around.status()["ready"]
    assert around.spans[2:] == around.expected([1], 1)


@cocotb.test
async def the_largest_model_is_accepted(dut):
    await start(dut)
    around = Surroundings(dut, seed=74)
    config = around.config
    for hidden, layers in ((config.max_hidden, config.max_layers), (1, config.max_layers)):
        around.header = header_of(config, hidden=hidden, layers=layers)
        await around.pulse("load_model")
        assert (await around.loaded())["ready"]


@cocotb.test
async def load_model_is_heeded_at_any_time(dut):
    """A header in the course of being read is read again; a token is finished first."""
    await start(dut)
    around = Surroundings(dut, seed=75, idle=0.3)
    for clocks in range(1, 90, 4):
        around.header = header_of(around.config, body_start=100)
        await around.pulse("load_model")
        await ClockCycles(dut.clk, clocks)
        around.header = header_of(around.config, body_start=1000 + clocks)
        await around.pulse("load_model")
        await ClockCycles(dut.clk, 2)
        assert (await around.loaded())["ready"]
        await around.run([1], 0)


@cocotb.test
@cocotb.parametrize((("stall", "idle"), PACES[:2]))
async def cancel_at_any_time(dut, stall, idle):
    """What was begun is finished, the prompt is discarded up to its last token, and no more."""
    await start(dut)
    around = Surroundings(dut, stall=stall, idle=idle, seed=76, patience=6)
    await around.loaded()
    prompt, generate, seen = [10, 11, 12], 3, set()
    for clocks in range(1, 150):
        draws, spans = len(around.draws), len(around.spans)
        around.send(prompt, generate)
        while not around.status()["busy"]:
            await RisingEdge(dut.clk)
        await ClockCycles(dut.clk, clocks)
        running = around.status()["busy"]
        begun = len(around.spans) - spans
        await around.pulse("cancel")
        await around.idle()
        new = around.draws[draws:]
        assert await around.tokens.take(len(new)) == new, "a sampled token was not handed over"
        found = around.spans[spans:]
        fed = (prompt + new)[:len(found) // 2]
        missing = len(prompt) + generate - 1 - len(fed)  # what a whole run would read besides
        assert found == around.expected(fed + [0] * missing, generate)[:2 * len(fed)]
        if running:
            assert len(found) <= begun + 3, "a token was begun after the cancel"
        seen.add(len(fed))
        await around.tokens.quiet(3)
    assert seen >= {1, 2, 3, 4, 5}, f"only cancelled after {seen} tokens"
    await around.run(prompt, generate)


@cocotb.test
async def cancel_in_a_pause_of_the_prompt(dut):
    """It waits for a token: that one and the rest are discarded, up to the one marked last."""
    await start(dut)
    around = Surroundings(dut, seed=77)
    await around.loaded()
    dut.generate.value = 2
    around.prompt.send({"token": 1, "last": 0})
    await around.prompt.drained()
    await ClockCycles(dut.clk, 80)
    assert around.status()["busy"]
    spans = len(around.spans)
    await around.pulse("cancel")
    around.prompt.send({"token": 2, "last": 0}, {"token": 3, "last": 0})
    await around.prompt.drained()
    await ClockCycles(dut.clk, 20)
    assert around.status()["busy"], "it waits for the token marked last"
    around.prompt.send({"token": 4, "last": 1})
    await around.idle()
    assert len(around.spans) == spans
    await around.run([5, 6], 2)


@cocotb.test
async def cancel_while_idle_changes_nothing(dut):
    await start(dut)
    around = Surroundings(dut, seed=78)
    await around.loaded()
    await around.pulse("cancel")
    await ClockCycles(dut.clk, 2)
    await around.run([5, 6], 2)
