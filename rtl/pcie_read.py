"""Reads host memory: transfers -> read requests; completions -> bytes in order."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from ..common.pcie import MAX_READ, TAGS, Outcome
from .completion_checker import CompletionChecker
from .pcie_interfaces import PacketSignature, ReadSignature, completion_layout, request_layout
from .row_aligner import RowAligner
from .stream_buffer import StreamBuffer
from .transfer_cutter import TransferCutter


class ReadEngine(wiring.Component):
    """Serves reads of any address and length, several requests ahead.

    A transfer is cut by TransferCutter; a request has a tag and a slot of the buffer for itself
    until the last row of the slot is fetched, and takes them in turn. CompletionChecker writes a
    slot in whatever order its rows come; the slots leave in order. The next transfer's requests
    follow those of the last without waiting for bytes.

    Errors: the first completion that is refused (UNSUPPORTED), POISONED or MALFORMED; no end of the
    oldest read within `use.timeout` clocks (TIMEOUT); `master` low while there is a transfer with
    reads to ask for or on their way (BUS_MASTER). `failure` then holds: nothing is asked for but a
    request already offered, commands wait, completions are swallowed, and no byte follows the two
    beats that may wait at the output. A pulse on `clear` drops everything, beats offered as well,
    and turns the highest bit of the tags, so that completions of before count as unknown; those are
    always swallowed. A request that is offered then stays so until it is taken.

    From the last completion beat of a slot to its first byte: 10 clocks; a beat a clock, without a
    gap between transfers.

    Parameters
    ----------
    use : PcieUse
    tags : int
        Reads on their way, a power of two from 2 to 16; twice as many values of a tag are in use.
    most : int
        Bytes of a read; a power of two, two beats at least.

    Members
    -------
    reads : In(ReadSignature(use))
    requests : Out(PacketSignature(request_layout, use.lanes))
        Headers only.
    completions : In(PacketSignature(completion_layout, use.lanes))
        Taken as they come.
    max_read : In(3)
        The block's maximum read request, 128 << max_read bytes.
    master : In(1)
        Bus mastering is on.
    clear : In(1)
    failure : Out(Outcome)
        PENDING as long as there is none.
    """

    def __init__(self, use, *, tags=TAGS, most=MAX_READ):
        if tags not in (2, 4, 8, 16):
            raise ValueError(f"{tags} tags; 2, 4, 8 or 16 are needed")
        if most < 2 * use.bytes or most & (most - 1):
            raise ValueError(f"reads of {most} bytes; a power of two, at least {2 * use.bytes}")
        self._use, self._tags, self._most = use, tags, most
        self._rows = most // use.bytes
        super().__init__({
            "reads": In(ReadSignature(use)),
            "requests": Out(PacketSignature(request_layout, use.lanes)),
            "completions": In(PacketSignature(completion_layout, use.lanes)),
            "max_read": In(3), "master": In(1), "clear": In(1),
            "failure": Out(Outcome)})

    def elaborate(self, platform):
        m = Module()
        self.stopped = self.failure != Outcome.PENDING
        self.opened = Signal()  # a slot, with its request
        self.loaded = Signal()  # a slot, to be fetched
        self.freed = Signal()
        self.parity = Signal()
        cutter = TransferCutter(self._most)
        m.submodules.cutter = ResetInserter(self.clear)(cutter)
        m.submodules.checker = checker = CompletionChecker(
            lanes=self._use.lanes, tags=self._tags, most=self._most)
        m.d.comb += [
            cutter.limit.eq(self.max_read), cutter.commands.payload.eq(self.reads.commands.payload),
            checker.parity.eq(self.parity), checker.clear.eq(self.clear),
        ]
        go = self.master & ~self.stopped & ~self.clear
        m.d.comb += [cutter.commands.valid.eq(self.reads.commands.valid & go),
                     self.reads.commands.ready.eq(cutter.commands.ready & go)]
        connect(m, flipped(self.completions), checker.completions)
        self._count(m)
        self._request(m, cutter.pieces, checker.openings, go)
        self._watch(m, cutter, checker)
        self._give(m, checker)
        with m.If(self.clear):
            m.d.sync += [self.parity.eq(~self.parity), self.failure.eq(Outcome.PENDING)]
        return m

    def _count(self, m):
        """Slots: `head` is the next to be opened, `tail` the next to be fetched."""
        self.head, self.tail = (Signal(range(self._tags), name=name) for name in ("head", "tail"))
        self.full = Signal(self._tags)  # slots that hold all of their bytes
        self.unread = Signal(range(self._tags + 1))  # opened, and not loaded yet
        self.held = Signal(range(self._tags + 1))  # opened, and not freed yet
        m.d.sync += [
            self.head.eq(self.head + self.opened), self.tail.eq(self.tail + self.loaded),
            self.unread.eq(self.unread + self.opened - self.loaded),
            self.held.eq(self.held + self.opened - self.freed),
        ]
        with m.If(self.clear):
            m.d.sync += [self.head.eq(0), self.tail.eq(0), self.unread.eq(0), self.held.eq(0)]

    def _request(self, m, pieces, opening, go):
        """A piece becomes a request as soon as a slot is free."""
        headers, piece = self.requests.headers, pieces.payload
        header = headers.payload
        with m.If(headers.ready):
            m.d.sync += headers.valid.eq(0)
        m.d.comb += [
            pieces.ready.eq(go & ~self.held[-1] & (headers.ready | ~headers.valid)),
            self.opened.eq(pieces.valid & pieces.ready),
            opening.valid.eq(self.opened), opening.slot.eq(self.head),
            opening.bytes.eq(piece.bytes), opening.end.eq(piece.address + piece.bytes),
        ]
        with m.If(self.opened):
            m.d.sync += [
                headers.valid.eq(1), header.address.eq(Cat(0, 0, piece.address[2:])),
                header.dwords.eq(piece.dwords), header.first_be.eq(piece.first_be),
                header.last_be.eq(piece.last_be), header.tag.eq(Cat(self.head, self.parity)),
            ]
        self._note(m, piece)

    def _note(self, m, piece):
        """What will be needed to fetch the slot."""
        row, places = self._use.bytes.bit_length() - 1, self._most.bit_length() - 1
        last = (piece.address + piece.bytes - 1)[:places]
        note = data.StructLayout({
            "row": range(self._rows), "last_row": range(self._rows), "first": 1, "last": 1,
            "start": range(self._use.bytes), "end": range(self._use.bytes)})
        m.submodules.notes = notes = Memory(shape=note, depth=self._tags, init=[],
                                            attrs={"ram_style": "distributed"})
        write, read = notes.write_port(), notes.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.opened), write.addr.eq(self.head), read.addr.eq(self.tail),
            write.data.row.eq(piece.address[row:places]), write.data.last_row.eq(last[row:]),
            write.data.first.eq(piece.first), write.data.last.eq(piece.last),
            write.data.start.eq(piece.address), write.data.end.eq(last),
        ]
        self.note = read.data

    def _watch(self, m, cutter, checker):
        """Errors, the first of which stays."""
        flying = Signal(range(self._tags + 1))
        age = Signal(range(self._use.timeout + 1))
        completed = Signal()
        fault = Signal(Outcome)
        filled = 1 << checker.write.slot
        m.d.comb += [completed.eq(checker.done), fault.eq(checker.error)]
        m.d.sync += flying.eq(flying + self.opened - completed)
        with m.If(self.opened):
            m.d.sync += self.full.bit_select(self.head, 1).eq(0)
        with m.If(completed):
            m.d.sync += self.full.eq((self.full | filled) & ~(self.opened << self.head))
        self.there = self.full.bit_select(self.tail, 1) & (self.unread != 0)
        m.d.sync += age.eq(Mux((self.unread != 0) & ~self.there, age + 1, 0))
        asked = self.reads.commands.valid | cutter.active | (flying != 0)
        with m.If(~self.stopped):
            with m.If(fault != Outcome.PENDING):
                m.d.sync += self.failure.eq(fault)
            with m.Elif(age == self._use.timeout):
                m.d.sync += self.failure.eq(Outcome.TIMEOUT)
            with m.Elif(~self.master & asked):
                m.d.sync += self.failure.eq(Outcome.BUS_MASTER)
        with m.If(self.clear):
            m.d.sync += [flying.eq(0), age.eq(0)]

    def _give(self, m, checker):
        """The rows of the slots, in order, realigned."""
        aligner = RowAligner(self._use.bytes)
        buffer = StreamBuffer(aligner.o.payload.shape())
        m.submodules.aligner = ResetInserter(self.clear)(aligner)
        m.submodules.buffer = ResetInserter(self.clear)(buffer)
        self._fetch(m, checker.write, aligner.i)
        m.d.comb += [
            buffer.i.valid.eq(aligner.o.valid & ~self.stopped),
            buffer.i.payload.eq(aligner.o.payload),
            aligner.o.ready.eq(buffer.i.ready & ~self.stopped),
        ]
        connect(m, buffer.o, flipped(self.reads.bytes))

    def _fetch(self, m, written, rows):
        """A row a clock from the buffer, slot after slot."""
        use, note = self._use, self.note
        m.submodules.store = store = Memory(
            shape=data.ArrayLayout(32, use.lanes), depth=self._tags * self._rows, init=[],
            attrs={"ram_style": "block"})
        put, get = store.write_port(granularity=1), store.read_port()
        now = Signal(note.shape(), reset_less=True)
        slot = Signal(range(self._tags))
        start = Signal(range(use.bytes))
        busy = Signal()
        step = Signal()
        final = now.row == now.last_row
        m.d.comb += [
            put.en.eq(written.lanes), put.addr.eq(Cat(written.row, written.slot)),
            put.data.eq(written.dwords), get.addr.eq(Cat(now.row, slot)), get.en.eq(step),
            step.eq(busy & (rows.ready | ~rows.valid) & ~self.stopped),
            self.freed.eq(step & final), self.loaded.eq(self.there & (self.freed | ~busy)),
            rows.payload.octets.eq(get.data),
        ]
        with m.If(rows.ready):
            m.d.sync += rows.valid.eq(0)
        with m.If(step):
            m.d.sync += [rows.valid.eq(1), now.row.eq(now.row + 1), now.first.eq(0),
                         rows.payload.first.eq(now.first), rows.payload.last.eq(now.last & final),
                         rows.payload.start.eq(start), rows.payload.end.eq(now.end)]
        with m.If(self.freed):
            m.d.sync += busy.eq(0)
        with m.If(self.loaded):
            m.d.sync += [busy.eq(1), now.eq(note), slot.eq(self.tail)]
            with m.If(note.first):
                m.d.sync += start.eq(note.start)
        with m.If(self.clear):
            m.d.sync += [busy.eq(0), rows.valid.eq(0)]
