"""The tables, adders and accumulator of one output row of the array of tables."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..common.triples import ADDRESS_BITS, PLACES, group_count, left_sibling
from .signed_adder import SignedAdder

CODE_BITS = 8
ENTRY_BITS = (PLACES * 127).bit_length() + 1

triple_layout = data.StructLayout({"address": ADDRESS_BITS, "negative": 1})


def sum_bits(codes):
    """Signed bits of a sum of so many codes."""
    return (codes * 127).bit_length() + 1


class TableRow(wiring.Component):
    """sum of the row's table entries, with their signs, added to the partial sum of `index`.

    Every group of three inputs has a table in distributed RAM, addressed by the triple of trits
    itself. A node of the tree of adders gives a + b or a - b, as the triples say, and has the sign
    of its left child; so no entry is ever negated, and the sign of group 0, that of the whole sum,
    goes into the accumulator.

    Feed-forward, one word a clock, no enable. Latency: `latency` clocks from a word to the clock in
    which `valid` and `last` belong to it, one more to `total`; `index` and `first` come a clock
    before `valid`. A table that is written in a clock may be read in the next one. Words of equal
    `index` are at least 3 clocks apart.

    Parameters
    ----------
    inputs : int
    bits : int
        Of the accumulator.
    depth : int
        Partial sums.
    partial_bits : int
        Of them, no more than `bits`: what a word that is not `last` can make.

    Members
    -------
    triples : In(ArrayLayout({address, negative}, groups))
        Common.triples; `negative` relative to the left sibling.
    write : In(1), address : In(4), entries : In(ArrayLayout(signed(10), groups))
        Write one entry of all tables.
    index : In(range(depth)), first : In(1)
        Partial sum that the word belongs to; with `first` it begins with this word.
    valid : In(1), last : In(1)
        There was a word; it completes the sum.
    total : Out(signed(bits))
        The completed sum, held until the next one.
    """

    def __init__(self, inputs, bits, depth, partial_bits):
        self.inputs, self.bits, self.depth = inputs, bits, depth
        self.partial_bits, self.groups = partial_bits, group_count(inputs)
        groups = self.groups
        self.levels = (groups - 1).bit_length()
        self.latency = 1 + self.levels
        super().__init__({
            "triples": In(data.ArrayLayout(triple_layout, groups)),
            "write": In(1), "address": In(ADDRESS_BITS),
            "entries": In(data.ArrayLayout(signed(ENTRY_BITS), groups)),
            "index": In(range(max(depth, 2))), "first": In(1),
            "valid": In(1), "last": In(1),
            "total": Out(signed(bits)),
        })

    def elaborate(self, _platform):
        m = Module()
        nodes = self.build_tables(m)
        signs = [self.delayed(m, self.triples[n].negative, 1 + self.level_of(n), f"sign_{n}")
                 for n in range(self.groups)]
        for level in range(self.levels):
            nodes = self.add_pairs(m, nodes, signs, level)
        self.build_accumulator(m, nodes[0], signs[0])
        return m

    def level_of(self, group):
        """The level of the tree in which the subtree that begins with `group` is added."""
        return (group - left_sibling(group)).bit_length() - 1 if group else self.levels

    def delayed(self, m, value, clocks, name):
        for clock in range(clocks):
            later = Signal(name=f"{name}_{clock + 1}", reset_less=True)
            m.d.sync += later.eq(value)
            value = later
        return value

    def build_tables(self, m):
        """Cycle 0: one entry of each table."""
        entries = []
        for n in range(self.groups):
            m.submodules[f"table_{n}"] = table = Memory(
                shape=signed(ENTRY_BITS), depth=1 << ADDRESS_BITS, init=[],
                attrs={"ram_style": "distributed", "no_rw_check": 1})
            write, read = table.write_port(), table.read_port(domain="comb")
            entry = Signal(signed(ENTRY_BITS), name=f"entry_{n}", reset_less=True)
            m.d.comb += [write.en.eq(self.write), write.addr.eq(self.address),
                         write.data.eq(self.entries[n]), read.addr.eq(self.triples[n].address)]
            m.d.sync += entry.eq(read.data)
            entries.append(entry)
        return entries

    def add_pairs(self, m, nodes, signs, level):
        """Cycle 1 + level: registered sums of neighbours."""
        sums = []
        for k in range(0, len(nodes), 2):
            first = k << level
            width = sum_bits(min(PLACES * (2 << level), self.inputs - PLACES * first))
            total = Signal(signed(width), name=f"sum_{level}_{k}", reset_less=True)
            if k + 1 < len(nodes):
                m.submodules[f"adder_{level}_{k}"] = adder = SignedAdder(width)
                m.d.comb += [adder.a.eq(nodes[k]), adder.b.eq(nodes[k + 1]),
                             adder.negative.eq(signs[first + (1 << level)])]
                m.d.sync += total.eq(adder.y)
            else:
                m.d.sync += total.eq(nodes[k])
            sums.append(total)
        return sums

    def build_accumulator(self, m, chunk, negative):
        m.submodules.partials = partials = Memory(
            shape=signed(self.partial_bits), depth=self.depth, init=[],
            attrs={"ram_style": "distributed", "no_rw_check": 1})
        write, read = partials.write_port(), partials.read_port(domain="comb")
        m.submodules.accumulator = adder = SignedAdder(self.bits)
        partial, result = (Signal(signed(self.bits), name=n, reset_less=True)
                           for n in ("partial", "result"))
        index_before = [Signal.like(self.index, name=f"index_{n + 1}") for n in range(2)]
        valid_before = Signal()

        # Cycle `latency` - 1: the partial sum.
        m.d.comb += read.addr.eq(self.index)
        m.d.sync += [partial.eq(Mux(self.first, 0, read.data)), index_before[0].eq(self.index)]

        # Cycle `latency`: added.
        m.d.comb += [adder.a.eq(partial), adder.b.eq(chunk), adder.negative.eq(negative)]
        m.d.sync += [result.eq(adder.y), index_before[1].eq(index_before[0]),
                     valid_before.eq(self.valid)]
        with m.If(self.last):
            m.d.sync += self.total.eq(adder.y)

        # Cycle `latency` + 1: written back.
        m.d.comb += [write.addr.eq(index_before[1]), write.data.eq(result),
                     write.en.eq(valid_before)]
