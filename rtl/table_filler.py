"""Fills the tables of the array of tables from a vector of codes."""

from amaranth.hdl import Array, Const, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..common.triples import ADDRESS_BITS, PLACES, STEPS
from .signed_adder import SignedAdder
from .table_row import ENTRY_BITS
from .triple_bank import TripleBank

# Steps after the first with a code of the last place.
UNHINDERED = len(STEPS) - 1 - next(n for n, (place, _) in enumerate(STEPS) if place == PLACES - 1)


class TableFiller(wiring.Component):
    """Walks all groups at once through common.triples.STEPS, one entry a clock.

    A step waits for the codes of its place. Clocks, when all codes are there: `wanted` in clock t,
    entries 1 to 13 are written in clocks t + 1 to t + 13, `done` is high in the last of them and
    `soon` was `ahead` clocks before it. Entry 0 is 0 and never written.

    Parameters
    ----------
    ahead : int
        No more than there are steps after the first of the last place: none of them waits.

    Members
    -------
    codes : In(stream of {codes, last})
        As of TripleBank.
    release : In(1)
        As of TripleBank.
    wanted : In(1)
        No word reads the tables, and they are to be filled; until `done`.
    chunk : In
        With what; held as long.
    soon, done : Out(1)
    write : Out(1), address : Out(4), entries : Out(ArrayLayout(signed(10), groups))
        To the tables; all straight from registers.
    """

    CLOCKS = 1 + len(STEPS)

    def __init__(self, config, ahead):
        if ahead > UNHINDERED:
            raise ValueError(f"TableFiller: ahead={ahead}, expected at most {UNHINDERED}")
        self.ahead, self.bank = ahead, TripleBank(config)
        self.groups = self.bank.groups
        super().__init__({
            "codes": In(self.bank.i.signature.flip()), "release": In(1),
            "wanted": In(1), "chunk": In(self.bank.chunk.shape()),
            "soon": Out(1), "done": Out(1),
            "write": Out(1), "address": Out(ADDRESS_BITS),
            "entries": Out(data.ArrayLayout(signed(ENTRY_BITS), self.groups)),
        })

    def elaborate(self, _platform):
        m = Module()
        m.submodules.bank = bank = self.bank
        connect(m, flipped(self.codes), bank.i)
        negative = Signal()
        active = Signal()
        following = Array(Const(place | (sign < 0) << 2, 3) for place, sign in (
            *STEPS[1:], *STEPS[:1], *[STEPS[0]] * 3))
        m.d.comb += [
            bank.release.eq(self.release), bank.chunk.eq(self.chunk),
            self.done.eq(self.address == len(STEPS)),
            self.soon.eq(self.address == len(STEPS) - self.ahead),
            active.eq(self.wanted & bank.there.bit_select(bank.place, 1)),
        ]
        # Entry n is being written and entry n + 1 being made: step n. Address 0: nothing yet. What
        # a step that waits writes, it writes again.
        step = Signal(3)
        m.d.comb += step.eq(following[self.address])
        with m.If(active):
            m.d.sync += [self.address.eq(self.address + 1), self.write.eq(1),
                         bank.place.eq(step[:2]), negative.eq(step[2])]
        with m.If(self.done):
            m.d.sync += [self.address.eq(0), self.write.eq(0), bank.place.eq(STEPS[0][0]),
                         negative.eq(0)]
        for n in range(self.groups):
            m.submodules[f"adder_{n}"] = adder = SignedAdder(ENTRY_BITS)
            m.d.comb += [adder.a.eq(self.entries[n]), adder.b.eq(bank.o[n]),
                         adder.negative.eq(negative)]
            with m.If(active):
                m.d.sync += self.entries[n].eq(adder.y)
            with m.If(self.done):
                m.d.sync += self.entries[n].eq(0)
        return m
