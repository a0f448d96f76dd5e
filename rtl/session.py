"""One run of the accelerator as the link sees it: prompt in, tokens out, cancel."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, stream
from amaranth.lib.wiring import Component, In, Out
from amaranth.utils import ceil_log2

from .block_fifo import BlockFifo
from .interfaces import TOKEN_BITS, prompt_layout, status_layout

INDEX_BITS = 32
SETTLE_CLOCKS = 4  # the accelerator shows `busy` at most so many clocks after taking a token


class Session(Component):
    """Keeps prompt tokens until the accelerator takes them, and sampled tokens until the host has
    acknowledged them. Absolute indices count from 0 at `start`.

    Both queues hold `token_fifo` tokens, rounded up to a power of two. When that of the sampled
    tokens is full the accelerator waits, which it counts as `link_stall`.

    Members
    -------
    start : In(1)
        Pulse, when not open: begin a run of `generate` tokens.
    stop : In(1)
        Pulse: cancel the run. It stays open until the accelerator has finished its token.
    generate : In(24)
        Held while open.
    open : Out(1)
        From the clock after `start` until the last token has been received and the accelerator
        rests. Once closed, sampled tokens can still be read.
    cancelled : Out(1)
        `stop` came during this run, or the last one.
    push : In(1), entry : In({token, last})
        Pulse: a prompt token, not in two clocks that follow each other. Ignored, and not counted,
        if the run is not open, there is no room or the one marked `last` has come.
    accepted : Out(32), room : Out(32)
        Prompt tokens taken in all, two clocks after `push`, and how many fit now.
    received : Out(32), released : Out(32)
        Sampled tokens in all, and how many of them were acknowledged; those between are kept.
    acknowledge : In(1), index : In(32)
        Pulse: release all tokens before `index`, which lies in released .. received.
    read_index : In(32), token : Out(24)
        Token `read_index`, one clock later.
    prompt, tokens, cancel, status
        Those of MachineSignature.
    """

    def __init__(self, config):
        self._depth = 1 << ceil_log2(config.token_fifo)
        super().__init__({
            "start": In(1),
            "stop": In(1),
            "generate": In(TOKEN_BITS),
            "open": Out(1),
            "cancelled": Out(1),
            "push": In(1),
            "entry": In(prompt_layout),
            "accepted": Out(INDEX_BITS),
            "room": Out(INDEX_BITS),
            "received": Out(INDEX_BITS),
            "released": Out(INDEX_BITS),
            "acknowledge": In(1),
            "index": In(INDEX_BITS),
            "read_index": In(INDEX_BITS),
            "token": Out(TOKEN_BITS),
            "prompt": Out(stream.Signature(prompt_layout)),
            "tokens": In(stream.Signature(TOKEN_BITS)),
            "cancel": Out(1),
            "status": In(status_layout),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = BlockFifo(prompt_layout, self._depth)
        complete = Signal()  # the token marked last is in the queue
        finishing = Signal()
        dropping = Signal()
        pushed = Signal()
        entry = Signal(prompt_layout)
        m.d.sync += [pushed.eq(self.push), entry.eq(self.entry)]
        m.d.comb += [
            waiting.i.payload.eq(entry),
            waiting.i.valid.eq(pushed & self.open & ~complete & ~finishing),
            self.room.eq(self._depth - waiting.level),
        ]
        with m.If(waiting.i.valid & waiting.i.ready):
            m.d.sync += [complete.eq(entry.last), self.accepted.eq(self.accepted + 1)]

        # The accelerator's side of the prompt: one register, so that a cancel can wait for it.
        handed = Signal()  # a token was put there
        ended = Signal()  # the last token was
        all_received = Signal()
        m.d.sync += all_received.eq(self.received == self.generate)
        prompt = self.prompt
        take = Signal()
        queued = waiting.o.payload
        m.d.comb += take.eq(waiting.o.valid & ~prompt.valid & self.open & ~finishing)
        m.d.comb += waiting.o.ready.eq(take | dropping)
        with m.If(prompt.ready):
            m.d.sync += prompt.valid.eq(0)
        with m.If(take):
            m.d.sync += [
                prompt.payload.eq(queued),
                prompt.valid.eq(1),
                handed.eq(1),
                ended.eq(queued.last),
            ]

        # The accelerator rests.
        quiet = Signal(range(SETTLE_CLOCKS + 1))
        rests = quiet == SETTLE_CLOCKS
        with m.If(prompt.valid | self.status.busy):
            m.d.sync += quiet.eq(0)
        with m.Elif(~rests):
            m.d.sync += quiet.eq(quiet + 1)

        self._keep_tokens(m, finishing)
        with m.FSM() as fsm:
            m.d.comb += self.open.eq(~fsm.ongoing("CLOSED"))
            with m.State("CLOSED"):
                with m.If(self.start):
                    m.d.sync += [
                        self.cancelled.eq(0), self.accepted.eq(0), complete.eq(0),
                        self.received.eq(0), self.released.eq(0),
                        handed.eq(0), ended.eq(0), quiet.eq(0),
                    ]
                    m.next = "RUN"
            with m.State("RUN"):
                with m.If(self.stop):
                    m.d.sync += self.cancelled.eq(1)
                    m.next = "HAND_OVER"
                with m.Elif(ended & rests & all_received):
                    m.next = "CLOSED"
            with m.State("HAND_OVER"):
                # The accelerator must have seen all that it was handed before it sees the cancel.
                m.d.comb += finishing.eq(1)
                with m.If(~prompt.valid & (self.status.busy | rests)):
                    m.d.comb += self.cancel.eq(self.status.busy)
                    m.next = "DROP"
            with m.State("DROP"):
                m.d.comb += [finishing.eq(1), dropping.eq(1)]
                with m.If(handed & ~ended):
                    # It discards what it gets up to a last token; give it one.
                    m.d.sync += [
                        prompt.payload.token.eq(0),
                        prompt.payload.last.eq(1),
                        prompt.valid.eq(1),
                        ended.eq(1),
                        quiet.eq(0),
                    ]
                with m.Elif(rests & ~waiting.o.valid):
                    m.next = "CLOSED"
        return m

    def _keep_tokens(self, m, finishing):
        """The ring of sampled tokens; those that come after a cancel are dropped."""
        m.submodules.ring = ring = memory.Memory(shape=TOKEN_BITS, depth=self._depth, init=[],
                                                      attrs={"no_rw_check": 1})
        store, fetch = ring.write_port(), ring.read_port(domain="comb")
        fits = Signal()  # in the clock before
        stored = Signal()
        room = Signal()
        m.d.sync += [
            fits.eq((self.received - self.released)[:INDEX_BITS] != self._depth),
            stored.eq(store.en),
            # A block RAM with the memory. It is read again and again, so that a token read while
            # it was written is right a clock later.
            self.token.eq(fetch.data),
        ]
        m.d.comb += [
            room.eq(fits & ~stored),
            self.tokens.ready.eq(room | finishing),
            store.en.eq(self.tokens.valid & room & ~finishing),
            store.addr.eq(self.received),
            store.data.eq(self.tokens.payload),
            fetch.addr.eq(self.read_index),
        ]
        with m.If(store.en):
            m.d.sync += self.received.eq(self.received + 1)
        with m.If(self.acknowledge):
            m.d.sync += self.released.eq(self.index)
