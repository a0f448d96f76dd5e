"""TransferCutter: its pieces are the transfer, byte by byte, cut where they must be."""

from functools import partial

from amaranth.hdl import Assume, Cat, Const, Cover, Module, Mux, Signal
from amaranth.lib.wiring import Component, In

from ..rtl.pcie_interfaces import LENGTH_BITS, transfer_layout
from ..rtl.transfer_cutter import LEAST, TransferCutter
from .box import Box, holds, implies

MOST = 512
PEEKS = ("at", "left", "busy", "measured", "chunk", "final", "first")


def reach(at, left, cut):
    """Bytes from `at` on until a multiple of `cut`, a power of two, or until `left` are done."""
    until = cut - (at & (cut - 1))
    return Mux(left < until, left, until)


def enables(request, at, count):
    """Whether dwords and byte enables of a request are those of the `count` bytes from `at` on."""
    dwords, begin = request.dwords, at[:2]
    last = Cat(Const(0, 2), (dwords - 1)[:len(dwords)])
    right = [dwords != 0, (dwords << 2) == ((begin + count + 3) >> 2 << 2)]
    for n in range(4):
        right += [request.first_be[n] == ((begin <= n) & (n < begin + count)),
                  request.last_be[n] == ((dwords != 1) & (last + n < begin + count))]
    return Cat(right).all()


class Properties(Component):
    """`at` and `left` are what of the transfer is still to come, `next_at` and `next_left` those of
    one that was taken while a piece of the one before it waits. The limit does not change."""

    def __init__(self, most):
        self._most = most
        widths = {"at": 64, "left": LENGTH_BITS, "chunk": most.bit_length()}
        super().__init__({
            "transfer": In(transfer_layout), "offer": In(1), "take": In(1), "limit": In(3),
            **{f"peek_{name}": In(widths.get(name, 1)) for name in PEEKS}})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = TransferCutter(self._most)
        transfer = self.transfer
        before, begun = Signal(3), Signal()
        m.d.sync += [before.eq(self.limit), begun.eq(1)]
        m.d.comb += [
            box.commands.valid.eq(self.offer), box.commands.payload.eq(transfer),
            box.pieces.ready.eq(self.take), box.limit.eq(self.limit),
            Assume(transfer.bytes != 0),
            Assume((transfer.address + transfer.bytes)[:65] <= 1 << 64),
            Assume(~begun | (self.limit == before)), implies(~begun, ~box.active),
        ]
        self.at, self.next_at = Signal(64), Signal(64)
        self.left, self.next_left = Signal(LENGTH_BITS), Signal(LENGTH_BITS)
        self.first, self.more = Signal(), Signal()
        cut = Signal(range(self._most + 1))
        m.d.comb += cut.eq(self._most)
        for setting in range(8):
            if LEAST << setting < self._most:
                with m.If(self.limit == setting):
                    m.d.comb += cut.eq(LEAST << setting)
        self._follow(m, box, transfer, cut)
        self._inside(m, box, cut)
        return m

    def _follow(self, m, box, transfer, cut):
        pieces, piece, at, left = box.pieces, box.pieces.payload, self.at, self.left
        count = Signal(range(self._most + 1))
        entered = box.commands.valid & box.commands.ready
        rest = Signal(LENGTH_BITS)
        m.d.comb += [
            count.eq(reach(at, left, cut)), rest.eq(left),
            implies(pieces.valid, enables(piece, at, count)),
            implies(pieces.valid, (piece.address == at) & (piece.bytes == count)
                    & (piece.first == self.first) & (piece.last == (left == count))),
            implies(left == 0, ~pieces.valid),
            implies(entered, ~self.more),
            Cover(pieces.valid & (piece.bytes == self._most) & piece.last & ~piece.first),
            Cover(pieces.valid & (piece.bytes == 2) & (piece.dwords == 2) & self.more),
        ]
        holds(m, pieces, "pieces")
        with m.If(pieces.valid & pieces.ready):
            m.d.comb += rest.eq(left - count)
            m.d.sync += [at.eq(at + count), left.eq(rest), self.first.eq(0)]
        with m.If((rest == 0) & (entered | self.more)):
            m.d.sync += [at.eq(Mux(self.more, self.next_at, transfer.address)),
                         left.eq(Mux(self.more, self.next_left, transfer.bytes)),
                         self.first.eq(1), self.more.eq(0)]
        with m.Elif(entered):
            m.d.sync += [self.next_at.eq(transfer.address), self.next_left.eq(transfer.bytes),
                         self.more.eq(1)]

    def _inside(self, m, box, cut):
        """What makes it inductive: where the box is, and what waits at its output."""
        piece, waits, peek = box.pieces.payload, box.pieces.valid, partial(getattr, self)
        busy, measured = peek("peek_busy"), peek("peek_measured")
        there, rest, chunk = peek("peek_at"), peek("peek_left"), peek("peek_chunk")
        follows = Mux(self.more, self.next_at, Mux(waits, self.at + piece.bytes, self.at)[:64])
        behind = Signal(LENGTH_BITS)
        m.d.comb += [
            behind.eq(Mux(self.more, self.next_left,
                          Mux(waits, self.left - piece.bytes, self.left))),
            implies(self.more, waits & piece.last & (self.next_left != 0)),
            implies(busy, (there == follows) & (rest == behind) & (rest != 0)
                    & (peek("peek_first") == (self.more | (self.first & ~waits)))),
            implies(~busy, (behind == 0) & ~measured),
            implies(measured, (chunk == reach(there, rest, cut))
                    & (peek("peek_final") == (chunk == rest))),
            implies(box.commands.ready, ~busy), implies(box.active, busy | waits),
        ]


BOXES = (Box(
    name="transfer_cutter", top=partial(Properties, MOST), bound=8, cover=12, prove="induction",
    steps=1, peeks={f"peek_{name}": f"box.{name}" for name in PEEKS},
    says="pieces are the transfer, byte by byte with their byte enables, and end at the cut, for "
         "any limit"),)
