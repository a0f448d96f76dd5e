"""The march test of the memory, executed by the gateware."""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.march import ELEMENTS, background_bit, backgrounds
from .interfaces import MemorySignature

COUNT_BITS = 32
LAST = len(ELEMENTS) - 1
SETTLE_CLOCKS = 8  # from the last read to a known verdict, and from `done` to a machine that knows


def report_layout(config):
    """What is known of a march.

    element, left : the element under way, and its words still to do
    faults : reads that gave a wrong word
    words : the most of these in one element; at least so many words are faulty
    address, first_element, difference : of the first wrong read; expected xor found
    seen : the union of all differences
    """
    return data.StructLayout({
        "element": 8, "left": COUNT_BITS, "faults": COUNT_BITS, "words": COUNT_BITS,
        "first_element": 8, "address": COUNT_BITS,
        "difference": config.word_bits, "seen": config.word_bits})


class MemoryMarch(Component):
    """Runs the march of common/march.py on a range of words, alone and to the end.

    A word of an element that reads and writes takes its two accesses before the next word is
    touched, so bursts would spoil it: what a write does to a neighbour that was read in the same
    burst would go unseen. So these elements read single words, and descending order costs nothing;
    only the last element, which does not write, reads bursts. It takes common.march.clocks.

    Parameters
    ----------
    config : Config

    Members
    -------
    start : In(1)
        Pulse, when not busy: begin; address, words and background count at this moment. At least
        one word; the range lies inside the memory, which the caller has checked.
    stop : In(1)
        Pulse: end after the access in hand.
    address, words : In(32)
    background : In(32)
        Of word 0, modulo common.march.backgrounds.
    busy : Out(1)
        From the clock after `start`.
    done : Out(1)
        Pulse, `SETTLE_CLOCKS` before busy falls: what was in the memory is gone.
    report : Out(report_layout)
        Whole when not busy; while busy `element` and `left` tell of progress.
    through : In(MemorySignature)
        Another user of the memory, which has it while not busy.
    memory : Out(MemorySignature)
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "start": In(1), "stop": In(1),
            "address": In(COUNT_BITS), "words": In(COUNT_BITS), "background": In(COUNT_BITS),
            "busy": Out(1), "done": Out(1), "report": Out(report_layout(config)),
            "through": In(MemorySignature(config)), "memory": Out(MemorySignature(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        if not config.memory_words:  # a model in block RAM: nothing to march through
            connect(m, flipped(self.through), flipped(self.memory))
            return m
        self._first = Signal(config.address_bits)
        self._count = Signal(config.address_bits + 1)
        self._at = Signal.like(self._first)
        self._left = Signal.like(self._count)
        self._element = Signal(range(len(ELEMENTS)))
        self._stopping = Signal()
        self._down = self._of_element("down", lambda e: e.down)
        self._phase = Signal(range(backgrounds(config.word_bits)))
        self._number = Signal.like(self._phase)  # that of `_at`, and the phase
        self._read = Signal()  # a word comes
        self._build_words(m)
        self._build_sequence(m)
        self._build_check(m)
        self._share(m)
        m.d.comb += [self.report.element.eq(self._element), self.report.left.eq(self._left)]
        return m

    def _of_element(self, name, choose):
        """A bit that depends on the element alone."""
        table = sum(bool(choose(e)) << n for n, e in enumerate(ELEMENTS))
        return Const(table, 1 << len(self._element)).bit_select(self._element, 1)

    def _ahead(self, m, name, choose):
        """The same in a register: between elements no word is on its way."""
        bit = Signal(name=name)
        m.d.sync += bit.eq(self._of_element(name, choose))
        return bit

    def _build_words(self, m):
        """The background at `_at`, a clock late; every bit of it is a small table of `_number`."""
        self._word = Signal(self._config.word_bits, reset_less=True)
        number = self._number
        for bit in range(len(self._word)):
            table = sum(background_bit(n, bit) << n for n in range(1 << len(number)))
            m.d.sync += self._word[bit].eq(Const(table, 1 << len(number)).bit_select(number, 1))

    def _build_sequence(self, m):
        config = self._config
        self._own = memory = MemorySignature(config).create(path=("own",))
        requests, words, writes = memory.requests, memory.words, memory.writes
        burst, in_burst = (Signal(range(config.burst_words + 1), name=n)
                           for n in ("burst", "in_burst"))
        wait = Signal(range(SETTLE_CLOCKS))
        self._counted = Signal()  # every read of the element has been judged
        inverse = self._ahead(m, "writes", lambda e: e.writes)
        m.d.comb += [
            requests.payload.address.eq(self._at), requests.payload.words.eq(burst),
            words.ready.eq(1), self._read.eq(words.valid),
            writes.payload.address.eq(self._at),
            writes.payload.data.eq(self._word ^ inverse.replicate(config.word_bits)),
        ]
        m.d.sync += burst.eq(1)
        with m.If(self._element == LAST):
            m.d.sync += burst.eq(Mux(self._left < config.burst_words, self._left,
                                     config.burst_words))

        def move(down):
            for place in (self._at, self._number):
                m.d.sync += place.eq(Mux(down, place - 1, place + 1))

        def step():
            """To the next word, or to the end of the element."""
            m.d.sync += [self._left.eq(self._left - 1), wait.eq(0)]
            move(self._down)
            with m.If((self._left == 1) | self._stopping):
                m.next = "SETTLE"
            with m.Else():
                m.next = "TURN"

        with m.If(self.stop):
            m.d.sync += self._stopping.eq(1)
        with m.FSM(name="state") as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += self._stopping.eq(0)
                with m.If(self.start):
                    m.d.sync += [self._first.eq(self.address), self._count.eq(self.words),
                                 self._phase.eq(self.background), self._element.eq(0),
                                 self._left.eq(self.words)]
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                begin = Mux(self._down, self._first + self._count - 1, self._first)
                m.d.sync += [self._at.eq(begin), self._number.eq(begin + self._phase)]
                m.next = "TURN"
            with m.State("TURN"):  # now `_word` and `burst` are right
                m.next = "REQUEST"
                with m.If(self._element == 0):
                    m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += writes.valid.eq(1)
                with m.If(writes.ready):
                    step()
            with m.State("REQUEST"):
                m.d.comb += requests.valid.eq(1)
                m.d.sync += in_burst.eq(burst)
                with m.If(requests.ready):
                    m.next = "FETCH"
            with m.State("FETCH"):
                with m.If(words.valid):
                    m.d.sync += in_burst.eq(in_burst - 1)
                    with m.If(self._element != LAST):
                        m.next = "WRITE"
                    with m.Elif(in_burst == 1):
                        step()
                    with m.Else():
                        m.d.sync += self._left.eq(self._left - 1)
                        move(Const(0))
            with m.State("SETTLE"):
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == SETTLE_CLOCKS - 1):
                    m.d.comb += self._counted.eq(1)
                    with m.If((self._element == LAST) | self._stopping):
                        m.d.comb += self.done.eq(1)
                        m.next = "DONE"
                    with m.Else():
                        m.d.sync += [self._element.eq(self._element + 1),
                                     self._left.eq(self._count)]
                        m.next = "BEGIN"
            with m.State("DONE"):
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == SETTLE_CLOCKS - 1):
                    m.next = "IDLE"

    def _build_check(self, m):
        """Wrong words, a few clocks after they came."""
        report = self.report
        inverse = self._ahead(m, "reads", lambda e: e.reads)
        expected = self._word ^ inverse.replicate(len(self._word))
        # Cycle 1: the word, as late as what is expected
        word = Signal.like(self._word, reset_less=True)
        valid = Signal(2)
        m.d.sync += [word.eq(self._own.words.payload), valid.eq(Cat(self._read, valid))]
        # Cycle 2: what differs. Cycle 3: whether anything does
        difference, held = (Signal.like(word, name=name, reset_less=True)
                            for name in ("difference", "held"))
        places = [Signal.like(self._at, name=f"at_{n}", reset_less=True) for n in (1, 2, 3)]
        m.d.sync += [later.eq(before) for before, later in pairwise([self._at, *places])]
        wrong = Signal()
        m.d.sync += [difference.eq(word ^ expected), held.eq(difference),
                     wrong.eq(difference.any() & valid[1])]
        in_element = Signal(COUNT_BITS)
        with m.If(valid[1]):
            m.d.sync += report.seen.eq(report.seen | difference)
        # Cycle 4
        some = Signal()  # faults != 0
        more = Signal()  # in_element > report.words, a clock ago
        with m.If(wrong):
            m.d.sync += some.eq(1)
            m.d.sync += [report.faults.eq(report.faults + 1), in_element.eq(in_element + 1)]
            with m.If(~some):
                m.d.sync += [report.address.eq(places[-1]), report.difference.eq(held),
                             report.first_element.eq(self._element)]
        # Cycles 5 and 6
        m.d.sync += more.eq(in_element > report.words)
        with m.If(more):
            m.d.sync += report.words.eq(in_element)
        with m.If(self._counted):
            m.d.sync += in_element.eq(0)
        begun = Signal()
        m.d.sync += begun.eq(self.start)
        with m.If(begun):
            m.d.sync += some.eq(0)
            m.d.sync += [getattr(report, name).eq(0) for name in (
                "faults", "words", "address", "first_element", "difference", "seen")]

    def _share(self, m):
        """The memory is ours while busy, else that of `through`."""
        ours = Signal()  # a register, for it turns a wide switch; the first clock needs no memory
        m.d.sync += ours.eq(self.busy)
        own, through, memory = self._own, self.through, self.memory
        for user, its in ((own, ours), (through, ~ours)):
            with m.If(its):
                m.d.comb += [memory.requests.payload.eq(user.requests.payload),
                             memory.requests.valid.eq(user.requests.valid),
                             user.requests.ready.eq(memory.requests.ready),
                             memory.writes.payload.eq(user.writes.payload),
                             memory.writes.valid.eq(user.writes.valid),
                             user.writes.ready.eq(memory.writes.ready)]
            # The words themselves go to both, for gates before them would lengthen what they go to.
            m.d.comb += [user.words.payload.eq(memory.words.payload),
                         user.words.valid.eq(memory.words.valid & its)]
        m.d.comb += memory.words.ready.eq(1)
