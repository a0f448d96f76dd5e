"""Judges completions by the reads that they answer, and gives their data a place."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..common.pcie import Outcome
from .pcie_interfaces import Completion, PacketSignature, completion_layout


def opening_layout(tags, most):
    """A read goes out: its slot, its bytes, and the address that follows its last byte."""
    return data.StructLayout({"valid": 1, "slot": range(tags), "bytes": range(most + 1),
                              "end": 12})


def row_write_layout(tags, rows, lanes):
    """A row of dwords for a slot, of which those in `lanes` count."""
    return data.StructLayout({"lanes": lanes, "slot": range(tags), "row": range(rows),
                              "dwords": data.ArrayLayout(32, lanes)})


class CompletionChecker(wiring.Component):
    """Completions -> rows of the slots of the reads that they answer.

    A slot is as large as a read may be and aligned to that, so the address of a dword says which
    row of the slot and which lane of the row it belongs to: pieces of a read may come at any time
    between those of others. Completions are never kept waiting. Each has to go on where the one
    before it for the same read ended (PCI Express Base Specification, 2.3.1.1): its byte count is
    what is left, and with its address it ends where the read does. The data of one that fails,
    or that nobody waits for, go nowhere.

    From a beat taken to its row written: 2 clocks. After a header one clock without a beat.

    Parameters
    ----------
    lanes, tags, most : int
        Dwords a beat; reads on their way; bytes of a read. The latter two powers of two.

    Members
    -------
    completions : In(PacketSignature(completion_layout, lanes))
    openings : In(opening_layout(tags, most))
        Not of a slot that waits.
    parity : In(1)
        Highest bit of the tags that count: a tag is the slot, this bit, and zeros.
    clear : In(1)
        Nobody waits for anything any more.
    write : Out(row_write_layout(tags, rows, lanes))
    done : Out(1)
        With the last `write` of its slot.
    error : Out(Outcome)
        In one clock, what is wrong with a completion that somebody waits for; else PENDING.
    """

    def __init__(self, *, lanes, tags, most):
        self._lanes, self._tags, self._most = lanes, tags, most
        self._rows = most // (4 * lanes)
        super().__init__({
            "completions": In(PacketSignature(completion_layout, lanes)),
            "openings": In(opening_layout(tags, most)), "parity": In(1), "clear": In(1),
            "write": Out(row_write_layout(tags, self._rows, lanes)), "done": Out(1),
            "error": Out(Outcome)})

    def elaborate(self, platform):
        m = Module()
        header, came = self._take(m)
        found, looked = self._find(m, header, came)
        self._place(m, found, *self._judge(m, found, looked))
        return m

    def _take(self, m):
        """Cycle 0: a header is taken, and then its beats."""
        headers, beats = self.completions.headers, self.completions.beats
        inside = Signal()
        header = Signal(completion_layout, reset_less=True)
        came = Signal()
        m.d.comb += [headers.ready.eq(~inside), beats.ready.eq(inside)]
        m.d.sync += came.eq(headers.valid & ~inside)
        with m.If(inside & beats.valid & beats.payload.last):
            m.d.sync += inside.eq(0)
        with m.If(~inside):
            m.d.sync += [header.eq(headers.payload),
                         inside.eq(headers.valid & (headers.payload.dwords != 0))]
        return header, came

    def _find(self, m, header, came):
        """Cycle 1: what is known of the tag's read, and where the completion lies."""
        opened = self.openings
        slot = header.tag[:(self._tags - 1).bit_length()]
        places = (self._most - 1).bit_length()  # of an address, within a slot
        row_bits = (self._rows - 1).bit_length()
        self.waiting = Signal(self._tags)
        self.fresh = Signal(self._tags)  # no completion yet
        m.submodules.reads = reads = Memory(
            shape=data.StructLayout({"bytes": range(self._most + 1), "end": 12}),
            depth=self._tags, init=[], attrs={"ram_style": "distributed"})
        m.submodules.rests = rests = Memory(
            shape=range(self._most + 1), depth=self._tags, init=[],
            attrs={"ram_style": "distributed"})
        enter, read = reads.write_port(), reads.read_port(domain="comb")
        self.progress, rest = rests.write_port(), rests.read_port(domain="comb")
        m.d.comb += [enter.en.eq(opened.valid), enter.addr.eq(opened.slot),
                     enter.data.bytes.eq(opened.bytes), enter.data.end.eq(opened.end),
                     read.addr.eq(slot), rest.addr.eq(slot)]
        found = Signal(data.StructLayout({
            "slot": range(self._tags), "known": 1, "left": range(self._most + 1), "fits": 1,
            "bytes": 13, "given": 13, "dwords": 11, "wanted": 11, "row": range(self._rows),
            "last_row": range(self._rows), "lane": range(self._lanes), "faulty": 1, "poisoned": 1,
            "refused": 1, "completed": 1}), reset_less=True)
        lowest, first = header.address[:2], header.address[2:places]
        last = (first + header.dwords - 1)[:places - 2]
        m.d.sync += [
            found.slot.eq(slot),
            found.known.eq(self.waiting.bit_select(slot, 1)
                           & (header.tag[len(slot):] == self.parity)),
            found.left.eq(Mux(self.fresh.bit_select(slot, 1), read.data.bytes, rest.data)),
            found.fits.eq((header.address + header.bytes)[:12] == read.data.end),
            found.bytes.eq(header.bytes),
            found.given.eq(Cat(0, 0, header.dwords) - lowest),
            found.dwords.eq(header.dwords), found.wanted.eq((lowest + header.bytes + 3) >> 2),
            found.row.eq(first >> len(first) - row_bits), found.lane.eq(first),
            found.last_row.eq(last >> len(first) - row_bits),
            found.faulty.eq(header.malformed), found.poisoned.eq(header.poisoned),
            found.refused.eq(header.status != Completion.SUCCESSFUL.value),
            found.completed.eq(header.completed),
        ]
        looked = Signal()
        m.d.sync += looked.eq(came & ~self.clear)
        return found, looked

    def _judge(self, m, found, looked):
        """Cycle 2: is it what its read waits for?"""
        final = Signal()
        right = Signal()
        fault = Signal(Outcome)
        good = Signal()
        m.d.comb += [
            final.eq(found.dwords == found.wanted),
            right.eq(found.fits & (found.bytes == found.left) & (found.dwords != 0)
                     & (found.dwords <= found.wanted) & (final | ~found.completed)),
            good.eq(looked & found.known & (fault == Outcome.PENDING)),
            self.progress.en.eq(good), self.progress.addr.eq(found.slot),
            self.progress.data.eq(found.bytes - found.given),
        ]
        with m.If(found.faulty):
            m.d.comb += fault.eq(Outcome.MALFORMED)
        with m.Elif(found.refused):
            m.d.comb += fault.eq(Outcome.UNSUPPORTED)
        with m.Elif(found.poisoned):
            m.d.comb += fault.eq(Outcome.POISONED)
        with m.Elif(~right):
            m.d.comb += fault.eq(Outcome.MALFORMED)
        m.d.sync += self.error.eq(Mux(looked & found.known & ~self.clear, fault, Outcome.PENDING))
        chosen = 1 << found.slot
        opened = self.openings.valid << self.openings.slot
        m.d.sync += [
            self.waiting.eq(self.waiting & ~(chosen & (good & final).replicate(self._tags))
                            | opened),
            self.fresh.eq(self.fresh & ~(chosen & good.replicate(self._tags)) | opened),
        ]
        with m.If(self.clear):
            m.d.sync += self.waiting.eq(0)
        return looked, good, final

    def _place(self, m, found, looked, good, final):
        """Cycle 3: the rows of the completion, as long as it was good."""
        beats, write = self.completions.beats, self.write
        present = Signal()
        ending = Signal()
        slot = Signal.like(found.slot)
        row, last_row = (Signal(range(self._rows), name=name) for name in ("row", "last_row"))
        lanes = Signal(self._lanes)
        beat = [Signal(beats.payload.shape(), name=f"beat_{n}", reset_less=True) for n in range(2)]
        there = Signal(2)
        writes = Signal()
        ends = Signal()
        m.d.sync += [beat[0].eq(beats.payload), beat[1].eq(beat[0]),
                     there.eq(Cat(beats.valid & beats.ready, there))]
        m.d.comb += [
            writes.eq(present & there[1]), ends.eq(row == last_row),
            write.lanes.eq(lanes & writes.replicate(self._lanes)), write.slot.eq(slot),
            write.row.eq(row), write.dwords.eq(beat[1].dwords),
            self.done.eq(writes & beat[1].last & ends & ending),
        ]
        with m.If(writes):
            m.d.sync += [row.eq(row + 1), lanes.eq(~0)]
            with m.If(beat[1].last != ends):  # not as many dwords as the header said
                m.d.sync += [present.eq(0), self.error.eq(Outcome.MALFORMED)]
        with m.If(looked):
            m.d.sync += [present.eq(good), ending.eq(final), slot.eq(found.slot),
                         row.eq(found.row), last_row.eq(found.last_row),
                         lanes.eq(~0 << found.lane)]
        with m.If(self.clear):
            m.d.sync += [present.eq(0), self.error.eq(Outcome.PENDING)]
