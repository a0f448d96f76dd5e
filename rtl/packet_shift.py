"""Packets with their header in front, as a block has them, and beats in natural lanes.

Both ways the dwords of a packet's data move by a number of lanes that is the same for the whole
packet: a beat is turned, and each lane takes it, or the one before it.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .pcie_interfaces import DWORD_COUNT_BITS, beat_layout
from .stream_buffer import StreamBuffer

LATEST = 3  # beat of a packet that completes the first of natural lanes


def front_layout(lanes, words, side):
    """What goes in front: `words` dwords; `side` stands beside the first beat; `first` is the lane
    of the first of `dwords` dwords of data."""
    return data.StructLayout({"words": data.ArrayLayout(32, words), "side": side,
                              "first": range(lanes), "dwords": DWORD_COUNT_BITS})


def line_layout(lanes, side):
    """A beat of a block's stream: dwords without gaps, a bit of `keep` for each."""
    return data.StructLayout({"dwords": data.ArrayLayout(32, lanes), "keep": lanes, "last": 1,
                              "side": side})


def piece_layout(lanes, words, side):
    """A beat of natural lanes with its packet's header, or, unless `data`, a header alone.

    `first` is the `side` of the packet's first beat, `final` that of its last; the latter means
    something with `last`.
    """
    return data.StructLayout({"dwords": data.ArrayLayout(32, lanes), "data": 1, "last": 1,
                              "words": data.ArrayLayout(32, words), "first": side, "final": side})


def turn(dwords, by):
    """Lane n of the result is lane n + by of `dwords`."""
    bits = Value.cast(dwords)
    return Cat(bits.rotate_right(32 * n).word_select(by, 32) for n in range(len(bits) // 32))


def by_lane(m, domain, lane, lanes, choose):
    """In the case that `lane` is n, the statements of `choose(n)`."""
    with m.Switch(lane):
        for n in range(lanes):
            with m.Case(n):
                m.d[domain] += choose(n)


class PacketJoiner(Component):
    """Puts header dwords in front of the data.

    A packet begins when its first beat is there; its beats follow each other without a pause at
    `o` if they do at `beats`. One beat a clock; the first is at `o` three clocks after the header
    came. The header of the next packet may come while the beats of this one do. With 8 lanes a
    packet whose data begin above its header takes a clock more.

    Parameters
    ----------
    lanes : int
    words : int
        Dwords of a header.
    side : shape-like
        Of what stands beside the first beat.

    Members
    -------
    headers : In(stream of front_layout)
    beats : In(stream of beat_layout)
    o : Out(stream of line_layout)
        `side` is 0 beside all but the first beat.
    """

    def __init__(self, lanes, words, side):
        self._lanes, self._words = lanes, words
        super().__init__({"headers": In(stream.Signature(front_layout(lanes, words, side))),
                          "beats": In(stream.Signature(beat_layout(lanes))),
                          "o": Out(stream.Signature(line_layout(lanes, side)))})

    def elaborate(self, platform):
        m = Module()
        lanes, words = self._lanes, self._words
        m.submodules.waiting = waiting = StreamBuffer(self.headers.payload.shape())
        m.submodules.output = output = StreamBuffer(self.o.payload.shape())
        connect(m, flipped(self.headers), waiting.i)
        connect(m, output.o, flipped(self.o))
        front, out = waiting.o.payload, output.i.payload
        busy = Signal()
        header = Signal(32 * words)  # what is left of it
        in_header = Signal(words)
        side = Signal.like(front.side)
        turned, from_held = Signal(range(lanes)), Signal(lanes)
        skip = Signal(2)  # beats of `o` before the first that needs data
        load = Signal()  # the first beat of `o` needs two of data
        ended = Signal()  # all data were taken
        opening = Signal()  # none of `o` has come
        left = Signal(DWORD_COUNT_BITS + 1)
        final = Signal()  # left <= lanes
        held = Signal(32 * lanes)
        beat = turn(self.beats.payload.dwords, turned)
        needs, step, take, begins = (Signal(name=name) for name in
                                     ("needs", "step", "take", "begins"))
        m.d.comb += [
            needs.eq(~ended & (skip == 0)),
            output.i.valid.eq(busy & ~load &
                              (self.beats.valid | ~Mux(opening, ~ended, needs))),
            step.eq(output.i.valid & output.i.ready),
            self.beats.ready.eq(busy & (load | (needs & output.i.ready))),
            take.eq(self.beats.valid & self.beats.ready),
            out.last.eq(final), out.side.eq(Mux(opening, side, 0)),
            out.keep.eq(Cat(~final | (left[:lanes.bit_length()] > n) for n in range(lanes))),
            begins.eq(~busy | (step & final)), waiting.o.ready.eq(begins),
        ]
        for n in range(lanes):
            dword = Mux(from_held[n], held[32 * n:32 * n + 32], beat[32 * n:32 * n + 32])
            if n < words:
                dword = Mux(in_header[n], header[32 * n:32 * n + 32], dword)
            m.d.comb += out.dwords[n].eq(dword)
        with m.If(take):
            m.d.sync += [held.eq(beat), load.eq(0), ended.eq(self.beats.payload.last)]
        with m.If(step):
            m.d.sync += [header.eq(header >> 32 * lanes), in_header.eq(in_header >> lanes),
                         opening.eq(0), skip.eq(Mux(skip == 0, 0, skip - 1)),
                         left.eq(left - lanes), final.eq(left <= 2 * lanes)]
        total = front.dwords + words
        with m.If(begins):
            m.d.sync += [
                busy.eq(waiting.o.valid), header.eq(front.words), in_header.eq(~0), opening.eq(1),
                side.eq(front.side), ended.eq(front.dwords == 0), left.eq(total),
                final.eq(total <= lanes),
            ]
            # Dword d of the data is number words + d of `o`, and first + d of the natural lanes.
            by_lane(m, "sync", front.first, lanes, lambda first: [
                turned.eq((first - words) % lanes),
                from_held.eq((1 << -(first - words) % lanes) - 1),
                skip.eq(max((words - first) // lanes, 0)),
                load.eq((front.dwords != 0) & (first > words)),
            ])
        return m


class PacketSplitter(Component):
    """Takes the header from in front of the data and turns these into natural lanes.

    The lane of the first dword is that of its address, the low bits of which are in the header's
    first dword (as in PG213's descriptors of CQ and RC). One beat a clock; a packet of which beats
    of natural lanes are left when its last beat has come gives one more in the clock after, while
    the next packet begins; if that one's first beat gives a piece, too, it waits for a clock. A
    piece is at `o` a clock after the beat that completed it.

    Parameters
    ----------
    lanes : int
    words : int
        Dwords of a header.
    side : shape-like
        Of what stands beside each beat.

    Members
    -------
    i : In(stream of line_layout)
        A packet has more than a header if it goes on after it.
    o : Out(stream of piece_layout)
    """

    def __init__(self, lanes, words, side):
        self._lanes, self._words, self._side = lanes, words, side
        super().__init__({"i": In(stream.Signature(line_layout(lanes, side))),
                          "o": Out(stream.Signature(piece_layout(lanes, words, side)))})

    def elaborate(self, platform):
        m = Module()
        lanes, words = self._lanes, self._words
        i, beat = self.i, self.i.payload
        m.submodules.output = output = StreamBuffer(self.o.payload.shape())
        connect(m, output.o, flipped(self.o))
        out = output.i.payload
        index = Signal(range(LATEST + 1))  # of the beat; from LATEST on the same
        kept, lane = Signal(range(lanes)), Signal(range(lanes))  # of the first dword
        turned = Signal(range(lanes))
        starts = Signal(range(LATEST + 1))  # index of the beat that completes the first piece
        alone, gives, spills, flush, take = (Signal(name=name) for name in
                                             ("alone", "gives", "spills", "flush", "take"))
        held = Signal(32 * lanes)
        header = [Signal(32, name=f"header_{n}") for n in range(words)]
        first, final = Signal(beat.side.shape()), Signal(beat.side.shape())
        bits = (lanes - 1).bit_length()
        rotated = turn(beat.dwords, turned)
        m.d.comb += [
            lane.eq(Mux(index == 0, beat.dwords[0][2:2 + bits], kept)),
            alone.eq(beat.last & (index == (words - 1) // lanes) &
                     (~beat.keep[words % lanes] if words % lanes else 1)),
            gives.eq(alone | (index >= starts)),
            spills.eq(beat.last & ~alone & beat.keep.bit_select(turned, 1)),
            # A beat may be taken while what is left of the packet before it is given.
            i.ready.eq(output.i.ready & ~(flush & gives)),
            take.eq(i.valid & i.ready),
            output.i.valid.eq(flush | (i.valid & gives)),
            out.data.eq(flush | ~alone), out.last.eq(flush | (beat.last & ~spills)),
            out.final.eq(Mux(flush, final, beat.side)),
            out.first.eq(Mux((index == 0) & ~flush, beat.side, first)),
        ]
        from_held = Signal(lanes)
        by_lane(m, "comb", lane, lanes, lambda first: [
            turned.eq((words - first) % lanes), starts.eq((words - first) // lanes + 1),
            from_held.eq((1 << lanes - (words - first) % lanes) - 1)])
        for n in range(lanes):
            m.d.comb += out.dwords[n].eq(
                Mux(flush | from_held[n], held[32 * n:32 * n + 32], rotated[32 * n:32 * n + 32]))
        for n in range(words):
            here = (index == n // lanes) & ~flush
            m.d.comb += out.words[n].eq(Mux(here, beat.dwords[n % lanes], header[n]))
            with m.If(take & (index == n // lanes)):
                m.d.sync += header[n].eq(beat.dwords[n % lanes])
        with m.If(output.i.ready):
            m.d.sync += flush.eq(0)
        with m.If(take):
            m.d.sync += [kept.eq(lane), held.eq(rotated), final.eq(beat.side), flush.eq(spills),
                         index.eq(Mux(beat.last, 0, index + (index != LATEST)))]
            with m.If(index == 0):
                m.d.sync += first.eq(beat.side)
        return m
