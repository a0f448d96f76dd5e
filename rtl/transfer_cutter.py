"""Cuts transfers into what one request may carry."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from .pcie_interfaces import LENGTH_BITS, transfer_layout

LEAST = 128  # bytes that the least setting of the block allows


def piece_layout(most):
    """A request's share of a transfer, of up to `most` bytes from byte `address` on. `dwords` and
    byte enables are those of the request; `first` and `last` of the transfer."""
    return data.StructLayout({"address": 64, "bytes": range(most + 1),
                              "dwords": range(most // 4 + 1), "first_be": 4, "last_be": 4,
                              "first": 1, "last": 1})


class TransferCutter(Component):
    """Transfers {address, bytes} -> their pieces, in order.

    A piece ends before a multiple of min(`most`, 128 << limit) bytes, or with the transfer. Since
    4,096 is such a multiple, no piece crosses one (PCI Express Base Specification, 2.2.7). Bytes
    are enabled as in 2.2.5 there: `last_be` is 0 for one dword.

    Latency: 3 clocks, transfer taken to first piece valid; a piece every 2 clocks; the next
    transfer is taken 3 clocks after one of one piece.

    Parameters
    ----------
    most : int
        Bytes of a piece; a power of two from 8 to 4,096.

    Members
    -------
    limit : In(3)
        The block's setting, as PCI Express encodes it: 128 << limit bytes.
    commands : In(stream of transfer_layout)
        At least 1 byte; a transfer does not pass the end of the addresses.
    pieces : Out(stream of piece_layout(most))
        From registers.
    active : Out(1)
        A transfer has been taken, and not all of its pieces.
    """

    def __init__(self, most):
        if most not in (8 << n for n in range(10)):
            raise ValueError(f"pieces of {most} bytes; a power of two from 8 to 4096 is needed")
        self._most = most
        super().__init__({"limit": In(3), "commands": In(stream.Signature(transfer_layout)),
                          "pieces": Out(stream.Signature(piece_layout(most))), "active": Out(1)})

    def elaborate(self, platform):
        m, most = Module(), self._most
        pieces = self.pieces
        busy = Signal()
        at = Signal(64)
        left = Signal(LENGTH_BITS)
        first = Signal()
        measured = Signal()
        chunk = Signal(range(most + 1))
        final = Signal()
        m.d.comb += [self.commands.ready.eq(~busy), self.active.eq(busy | pieces.valid)]
        with m.If(self.commands.valid & ~busy):
            m.d.sync += [busy.eq(1), first.eq(1), at.eq(self.commands.payload.address),
                         left.eq(self.commands.payload.bytes)]

        # Cycle 1: how far it is to the cut, or to the end.
        reach = Signal(range(most + 1))
        m.d.comb += reach.eq((~at & self._mask(m))[:most.bit_length() - 1] + 1)
        with m.If(busy & ~measured):
            m.d.sync += [measured.eq(1), final.eq(left <= reach),
                         chunk.eq(Mux(left <= reach, left, reach))]

        # Cycle 2: the piece.
        with m.If(pieces.ready):
            m.d.sync += pieces.valid.eq(0)
        with m.If(measured & (pieces.ready | ~pieces.valid)):
            m.d.sync += [pieces.valid.eq(1), measured.eq(0), busy.eq(~final), first.eq(0),
                         at.eq(at + chunk), left.eq(left - chunk)]
            m.d.sync += self._piece(at, chunk, first, final)
        return m

    def _mask(self, m):
        """The bits of an address within a piece's span."""
        mask = Signal(range(self._most))
        m.d.comb += mask.eq(self._most - 1)
        for setting in range(8):
            if LEAST << setting < self._most:
                with m.If(self.limit == setting):
                    m.d.comb += mask.eq((LEAST << setting) - 1)
        return mask

    def _piece(self, at, chunk, first, final):
        piece, lowest = self.pieces.payload, at[:2]
        dwords = (lowest + chunk + 3) >> 2
        begin = (0xF << lowest)[:4]
        end = 0xF >> ~(lowest + chunk - 1)[:2]
        single = dwords == 1
        return [piece.address.eq(at), piece.bytes.eq(chunk), piece.dwords.eq(dwords),
                piece.first_be.eq(Mux(single, begin & end, begin)),
                piece.last_be.eq(Mux(single, 0, end)),
                piece.first.eq(first), piece.last.eq(final)]
